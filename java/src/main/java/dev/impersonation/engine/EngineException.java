package dev.impersonation.engine;

import static java.util.Objects.requireNonNull;

/**
 * Everything that the engine or its native library can answer other than a decision. It never means that somebody was let in.
 */
public final class EngineException
        extends RuntimeException
{
    private static final long serialVersionUID = 1L;

    private final Code code;

    /**
     * The native library creates its exceptions through this constructor.
     */
    EngineException(int code, String message)
    {
        this(Code.ofNumber(code), message, null);
    }

    EngineException(Code code, String message)
    {
        this(code, message, null);
    }

    EngineException(Code code, String message, Throwable cause)
    {
        super(message, cause);
        this.code = requireNonNull(code, "code is null");
    }

    public Code getCode()
    {
        return code;
    }

    public enum Code
    {
        INVALID_CONFIGURATION(1),
        CLOSED(2),
        INVALID_REQUEST(3),
        REQUEST_TOO_LARGE(4),
        INTERNAL(5),
        LIBRARY_UNAVAILABLE(6);

        private final int number;

        Code(int number)
        {
            this.number = number;
        }

        public int getNumber()
        {
            return number;
        }

        static Code ofNumber(int number)
        {
            for (Code code : values()) {
                if (code.number == number) {
                    return code;
                }
            }
            return INTERNAL;
        }
    }
}
