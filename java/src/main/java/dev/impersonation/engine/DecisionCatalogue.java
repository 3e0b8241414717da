package dev.impersonation.engine;

import java.util.HashMap;
import java.util.Map;

import static dev.impersonation.engine.EngineException.Code.INTERNAL;
import static java.util.Objects.requireNonNull;

/**
 * All decisions that the engine can give, by the code in which it gives them. The texts live in the engine alone.
 */
final class DecisionCatalogue
{
    private static final int FIRST_DENIAL = 16;
    private static final int MAX_CODE = 255;

    private final Decision[] decisions;

    private DecisionCatalogue(Decision[] decisions)
    {
        this.decisions = requireNonNull(decisions, "decisions is null");
    }

    static DecisionCatalogue decode(byte[] reasons)
    {
        MessageReader reader = new MessageReader(reasons);
        Map<Integer, Decision> byCode = new HashMap<>();
        int count = reader.readCount();
        int highest = -1;
        for (int index = 0; index < count; index++) {
            Reason reason = new Reason(reader.readInt(), reader.readString(), reader.readString());
            int code = reason.code();
            // Zero is what a native method returns that could not even throw, so it must not mean anything.
            if (code <= 0 || code > MAX_CODE) {
                throw new EngineException(INTERNAL, "The native library has a reason with the code " + code);
            }
            if (byCode.put(code, new Decision(code < FIRST_DENIAL, reason)) != null) {
                throw new EngineException(INTERNAL, "The native library has two reasons with the code " + code);
            }
            highest = Math.max(highest, code);
        }
        reader.requireEnd();

        Decision[] decisions = new Decision[highest + 1];
        byCode.forEach((code, decision) -> decisions[code] = decision);
        return new DecisionCatalogue(decisions);
    }

    /**
     * As {@link #decision(int)}, at this time.
     */
    Decision decision(int code, long micros)
    {
        Decision decision = decision(code);
        if (micros == 0) {
            return decision;
        }
        return new Decision(decision.allowed(), decision.reason(), micros);
    }

    /**
     * A code that is not in the catalogue is an error, whatever its number: only a known reason lets anybody in.
     */
    Decision decision(int code)
    {
        if (code < 0 || code >= decisions.length || decisions[code] == null) {
            throw new EngineException(INTERNAL, "The native library decided with the unknown code " + code);
        }
        return decisions[code];
    }
}
