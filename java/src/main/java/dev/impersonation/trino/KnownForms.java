package dev.impersonation.trino;

import io.trino.spi.QueryId;
import io.trino.spi.security.Identity;

import java.lang.reflect.Method;
import java.lang.reflect.Type;
import java.security.Principal;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The forms in which a question may name somebody besides the context of its query. In any other form it could be whether one user may be another, and a delegate that
 * allows whatever it does not know would say yes.
 */
final class KnownForms
{
    private static final Pattern SOMEBODY = Pattern.compile("\\b\\w*Identity\\b|\\b%s\\b".formatted(Pattern.quote(Principal.class.getName())));
    private static final Map<String, Set<List<Class<?>>>> NAMING_SOMEBODY = Map.of(
            "checkCanExecuteQuery", Set.of(List.of(Identity.class), List.of(Identity.class, QueryId.class)),
            "checkCanKillQueryOwnedBy", Set.of(List.of(Identity.class, Identity.class)),
            "checkCanReadSystemInformation", Set.of(List.of(Identity.class)),
            "checkCanSetSystemSessionProperty", Set.of(List.of(Identity.class, String.class), List.of(Identity.class, QueryId.class, String.class)),
            "checkCanSetUser", Set.of(List.of(Optional.class, String.class)),
            "checkCanViewQueryOwnedBy", Set.of(List.of(Identity.class, Identity.class)),
            "checkCanWriteSystemInformation", Set.of(List.of(Identity.class)),
            "filterViewQueryOwnedBy", Set.of(List.of(Identity.class, Collection.class)));

    private KnownForms() {}

    static boolean isKnown(Method method)
    {
        return Arrays.stream(method.getGenericParameterTypes()).map(Type::getTypeName).noneMatch(type -> SOMEBODY.matcher(type).find())
                || NAMING_SOMEBODY.getOrDefault(method.getName(), Set.of()).contains(List.of(method.getParameterTypes()));
    }
}
