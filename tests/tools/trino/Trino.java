// SPDX-License-Identifier: Apache-2.0
// Trino's server without its scripts: java -cp 'etc-folder:lib/*' Trino.java, with -Dconfig=.
public class Trino {
    public static void main(String[] arguments) {
        new io.trino.server.Server().start("483");
    }
}
