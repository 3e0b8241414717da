import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * Runs statements on one JDBC connection: JdbcStatements URL KEY=VALUE... -- STATEMENT...
 * Prints a line for each: "ok" or "error", a tab, and the first value or the message with its line breaks escaped.
 */
public final class JdbcStatements
{
    private JdbcStatements() {}

    public static void main(String[] arguments)
            throws SQLException
    {
        Properties properties = new Properties();
        int index = 1;
        while (!arguments[index].equals("--")) {
            String[] entry = arguments[index].split("=", 2);
            properties.setProperty(entry[0], entry[1]);
            index++;
        }
        try (Connection connection = DriverManager.getConnection(arguments[0], properties)) {
            for (String statement : java.util.Arrays.asList(arguments).subList(index + 1, arguments.length)) {
                System.out.println(run(connection, statement));
            }
        }
    }

    private static String run(Connection connection, String sql)
    {
        try (Statement statement = connection.createStatement()) {
            if (!statement.execute(sql)) {
                return "ok\t";
            }
            try (ResultSet rows = statement.getResultSet()) {
                rows.next();
                return "ok\t" + escape(rows.getString(1));
            }
        }
        catch (SQLException e) {
            return "error\t" + escape(e.getMessage());
        }
    }

    private static String escape(String text)
    {
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
    }
}
