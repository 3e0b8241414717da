package dev.impersonation.engine;

/**
 * Makes the exceptions that only the engine can make.
 */
public final class TestingEngineException
{
    private TestingEngineException() {}

    public static EngineException create(EngineException.Code code)
    {
        return new EngineException(code.getNumber(), "failed on purpose");
    }
}
