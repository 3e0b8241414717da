package dev.impersonation.engine;

import java.time.Duration;

import static java.util.Objects.requireNonNull;

/**
 * A user who is remembered of the permission source.
 *
 * @param name by which the source knows the user
 * @param state what the memory is good for, in a word of {@code docs/sql.md}
 * @param age since the source answered
 * @param known whether the source knows the name
 * @param mayImpersonate whether the user holds the permission and is enabled
 * @param groups how many the user has
 */
public record RememberedUser(String name, String state, Duration age, boolean known, boolean mayImpersonate, int groups)
{
    public RememberedUser
    {
        requireNonNull(name, "name is null");
        requireNonNull(state, "state is null");
        requireNonNull(age, "age is null");
    }

    static RememberedUser read(MessageReader reader)
    {
        return new RememberedUser(
                reader.readString(),
                reader.readString(),
                Duration.ofMillis(reader.readLong()),
                reader.readBoolean(),
                reader.readBoolean(),
                reader.readInt());
    }
}
