package dev.impersonation.engine;

import java.util.Optional;

import static java.util.Objects.requireNonNull;

/**
 * A property, and the value that holds.
 *
 * @param value without secrets; empty if there is none
 * @param isDefault whether the operator said nothing of it
 */
public record Setting(String name, Optional<String> value, boolean isDefault)
{
    public Setting
    {
        requireNonNull(name, "name is null");
        requireNonNull(value, "value is null");
    }

    static Setting read(MessageReader reader)
    {
        return new Setting(reader.readString(), reader.readOptionalString(), reader.readBoolean());
    }
}
