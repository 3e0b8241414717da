package dev.impersonation.trino;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Expressions in Trino's SQL that ask for the user of the session here and there, and say the same words where they ask for nobody.
 */
final class RandomExpressions
{
    private static final String[] NAMES = {
            "x", "y", "user", "session_user", "current_users", "x_current_user", "_current_user", "current_user1", "current_groups", "t.current_groups",
            "\"current_user\"", "t.\"current_user\"", "\"a\"\"current_user\"", "\"--\"", "\"/*\"", "\"current_groups()\"", "\"'\"", "\"current_user()\""};
    private static final String[] LITERALS = {
            "1", "2.5", "1e3", ".5", "NULL", "true", "''", "''''", "'current_user'", "'it''s current_groups()'", "'--'", "'/*'", "'*/'", "'\"'", "'`'", "'é😀\n'",
            "U&'current_user'", "U&'d!0061ta' UESCAPE '!'", "X'4142'", "x'00'", "DATE '2020-01-01'", "INTERVAL '3' DAY", "current_date", "current_catalog", "current_schema",
            "current_path"};
    private static final String[] COMMENTS = {
            "-- current_user\n", "--\n", "--'\r\n", "-- /* \"\r", "--\u2028 current_user\n", "/**/", "/* current_groups() */", "/* ' */", "/* /* \" */", "/*/ ` */", "/* -- */",
            "/***/"};
    private static final String[] PIECES = {
            "current_user", "CURRENT_USER", "current_groups", "current_groups()", "\"current_groups\"", "\"$current_user\"", "$current_user",
            "(", ")", "()", "(*)", "[", "]", "ARRAY[", ".", ",", "'", "'", "''", "\"", "\"", "`", "U&'", "X'", "--", "/*", "*/",
            "\n", "\r", " ", " ", " ", "\t", "\u000b", "\u00a0", "\u2028", "-", "->", "/", "*", "+", "||", "=", "@", ":", "{-", "-}",
            "x", "y", "é", "1", "1.", "1.5", "1e5", "0x", "_", "system", "system.builtin.",
            "CASE", "WHEN", "END", "THEN", "NOT", "OVER", "AS", "SELECT", "(SELECT", "FROM", "CAST("};

    private final Random random;

    RandomExpressions(long seed)
    {
        random = new Random(seed);
    }

    /**
     * An expression of Trino's grammar, without the blanks between its tokens.
     */
    List<String> expression(int depth)
    {
        if (depth == 0 || random.nextInt(8) == 0) {
            return leaf();
        }
        return switch (random.nextInt(22)) {
            case 0 -> sql("(", depth, ") = (", depth, ")");
            case 1 -> sql("(", depth, ")||(", depth, ")");
            case 2 -> sql("(", depth, ") - - (", depth, ") / (", depth, ") * 2");
            case 3 -> sql("NOT (", depth, ") OR (", depth, ") AND (", depth, ")");
            case 4 -> sql("contains(", depth, ",", depth, ")");
            case 5 -> sql("any_match( ARRAY[", depth, ",", depth, "] , u -> ", depth, ")");
            case 6 -> sql("reduce( x , 0 , ( s , \"current_user\" ) -> ", depth, ", s -> ", depth, ")");
            case 7 -> sql("CASE WHEN ", depth, " THEN ", depth, " ELSE ", depth, " END");
            case 8 -> sql("CASE ", depth, " WHEN ", depth, " THEN ", depth, " END");
            case 9 -> sql("CAST(", depth, " AS varchar )");
            case 10 -> sql("TRY_CAST(", depth, " AS ROW( \"current_user\" varchar ) )");
            case 11 -> sql("(", depth, ") NOT IN (", depth, ",", depth, ")");
            case 12 -> sql("EXISTS( SELECT 1 FROM t AS \"current_user\" WHERE ", depth, ")");
            case 13 -> sql("( SELECT ", depth, " AS \"current_groups\" FROM ( VALUES ( ", depth, ") ) AS current_groups ORDER BY 1 LIMIT 1 )");
            case 14 -> sql("(", depth, ") IN ( WITH q AS ( SELECT ", depth, " ) SELECT * FROM q CROSS JOIN UNNEST(", depth, ") WHERE true )");
            case 15 -> sql("(", depth, ")[(", depth, ")]");
            case 16 -> sql("json_value(", depth, ", 'lax $.current_user' PASSING ", depth, " AS \"current_user\" )");
            case 17 -> sql("count( * ) FILTER( WHERE ", depth, ") OVER( PARTITION BY ", depth, " ORDER BY ", depth, " DESC )");
            case 18 -> sql("(", depth, ") IS NOT DISTINCT FROM (", depth, ")");
            case 19 -> sql("(", depth, ") LIKE ", "'%current_user' ESCAPE '\\'");
            case 20 -> sql("trim( LEADING 'x' FROM (", depth, ") )");
            default -> sql("( (", depth, ") BETWEEN (", depth, ") AND (", depth, ") , ", depth, ")");
        };
    }

    /**
     * The tokens as one text, with blanks and comments between them where nothing else keeps them apart, and here and there where it does.
     */
    String text(List<String> tokens)
    {
        StringBuilder text = new StringBuilder();
        String previous = "(";
        for (String token : tokens) {
            boolean apart = "()[],".contains(previous) || "()[],".contains(token);
            if (!apart || random.nextInt(4) == 0) {
                text.append(gap(previous.endsWith("-") || previous.endsWith("/")));
            }
            text.append(token);
            previous = token;
        }
        return text.toString();
    }

    /**
     * An expression into which pieces of the language were put, or from which characters were taken, wherever it may be, so that it often is none any more.
     */
    String spoiled()
    {
        StringBuilder text = new StringBuilder(text(expression(random.nextInt(3))));
        for (int changes = random.nextInt(3); changes >= 0; changes--) {
            int position = random.nextInt(text.length() + 1);
            if (random.nextInt(3) == 0) {
                text.delete(position, Math.min(text.length(), position + 1 + random.nextInt(3)));
            }
            else {
                text.insert(position, oneOf(PIECES));
            }
        }
        return text.toString();
    }

    private List<String> sql(Object... parts)
    {
        List<String> tokens = new ArrayList<>();
        for (Object part : parts) {
            if (part instanceof Integer depth) {
                tokens.addAll(expression(depth - 1));
            }
            else {
                tokens.addAll(split(part.toString()));
            }
        }
        return tokens;
    }

    private static List<String> split(String sql)
    {
        List<String> tokens = new ArrayList<>();
        StringBuilder token = new StringBuilder();
        boolean quoted = false;
        for (char character : sql.toCharArray()) {
            quoted ^= character == '\'';
            boolean alone = !quoted && "()[],".indexOf(character) >= 0;
            if (!quoted && (character == ' ' || alone) && token.length() > 0) {
                tokens.add(token.toString());
                token.setLength(0);
            }
            if (alone) {
                tokens.add(String.valueOf(character));
            }
            else if (quoted || character != ' ') {
                token.append(character);
            }
        }
        if (token.length() > 0) {
            tokens.add(token.toString());
        }
        return tokens;
    }

    private List<String> leaf()
    {
        return switch (random.nextInt(4)) {
            case 0 -> List.of(anyCase("current_user"));
            case 1 -> List.of(random.nextInt(4) == 0 ? "\"" + anyCase("current_groups") + "\"" : anyCase("current_groups"), "(", ")");
            case 2 -> List.of(oneOf(NAMES));
            default -> List.of(oneOf(LITERALS));
        };
    }

    private String gap(boolean blankFirst)
    {
        StringBuilder gap = new StringBuilder(blankFirst ? " " : "");
        do {
            gap.append(random.nextBoolean() ? oneOf(" ", "\n", "\t", "\r\n", "  ") : oneOf(COMMENTS));
        }
        while (random.nextInt(3) == 0);
        return gap.toString();
    }

    private String anyCase(String word)
    {
        StringBuilder mixed = new StringBuilder();
        boolean mix = random.nextInt(3) == 0;
        for (char character : word.toCharArray()) {
            mixed.append(mix && random.nextBoolean() ? Character.toUpperCase(character) : character);
        }
        return mixed.toString();
    }

    private String oneOf(String... choices)
    {
        return choices[random.nextInt(choices.length)];
    }
}
