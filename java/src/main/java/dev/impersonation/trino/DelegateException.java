package dev.impersonation.trino;

/**
 * The delegate cannot be created; the message tells the operator why.
 */
final class DelegateException
        extends RuntimeException
{
    private static final long serialVersionUID = 1L;

    DelegateException(String message)
    {
        super(message);
    }

    DelegateException(String message, Throwable cause)
    {
        super(message, cause);
    }
}
