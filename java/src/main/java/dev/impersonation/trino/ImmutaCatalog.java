package dev.impersonation.trino;

/**
 * The catalog that holds the session property. It has one name, so that the property that a client sets is never another one than the access control reads.
 */
final class ImmutaCatalog
{
    static final String NAME = "immuta";
    static final String CONNECTOR_NAME = "immuta";
    static final String SCHEMA = "impersonation";
    static final String PROPERTY = "immuta_user";
    static final String QUALIFIED_PROPERTY = NAME + "." + PROPERTY;

    private ImmutaCatalog() {}
}
