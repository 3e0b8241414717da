package dev.impersonation.engine;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.jar.JarFile;

import static dev.impersonation.engine.EngineException.Code.LIBRARY_UNAVAILABLE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

final class TestNativeLibrary
{
    @Test
    void testVersionsAgree()
            throws IOException
    {
        NativeLibrary.load();
        try (JarFile jar = new JarFile(System.getProperty("immuta.impersonation.test-jar"))) {
            assertThat(Natives.version())
                    .matches("\\d+\\.\\d+\\.\\d+.*")
                    .isEqualTo(NativeLibrary.version())
                    .isEqualTo(jar.getManifest().getMainAttributes().getValue("Implementation-Version"));
        }
    }

    @Test
    void testAnotherVersionIsRefused()
    {
        assertThatThrownBy(() -> NativeLibrary.requireSameVersion("1.2.3", "1.2.4"))
                .isInstanceOfSatisfying(EngineException.class, e -> assertThat(e.getCode()).isEqualTo(LIBRARY_UNAVAILABLE))
                .hasMessage("The native library has version 1.2.4, but the jar has version 1.2.3; install both from one build");
    }

    @Test
    void testSecondLoadGivesTheSame()
    {
        assertThat(NativeLibrary.load()).isSameAs(NativeLibrary.load());
    }

    @Test
    void testErrorCodesHaveTheirNumbers()
    {
        assertThat(EngineException.Code.values()).allSatisfy(code -> assertThat(EngineException.Code.ofNumber(code.getNumber())).isEqualTo(code));
        assertThat(EngineException.Code.ofNumber(0)).isEqualTo(EngineException.Code.INTERNAL);
        assertThat(EngineException.Code.ofNumber(99)).isEqualTo(EngineException.Code.INTERNAL);
    }
}
