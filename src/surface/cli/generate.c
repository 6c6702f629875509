// SPDX-License-Identifier: Apache-2.0
// leat generate storefront --to URL: the generator's options are flags of the same names.
#include "flow/source/generator/storefront.h"
#include "surface/cli/command.h"
#include "surface/cli/generate_server.h"
#include "surface/cli/output.h"

#include "core/sys/clock.h"

static bool options_take(const Cli *cli, StorefrontOptions *options, Err *err) {
    option_defaults(&STOREFRONT_OPTIONS, options);
    for (size_t i = 0; i < cli->command->flag_count; i++) {
        const Flag *flag = &cli->command->flags[i];
        if (cli->values[i] != NULL && flag->option != NULL) {
            TRY(option_set(&STOREFRONT_OPTIONS, options, flag->option, cli->values[i], cli->arena, err));
        }
    }
    if (options->to == NULL || options->to[0] == '\0') {
        FAIL(err, ERR_USAGE, "leat generate storefront needs --to");
        return err_hint(err, "write --to postgres://user@host/database; it fills the schema \"shop\" there");
    }
    return true;
}

bool generate_command(Cli *cli, Err *err) {
    DEFER(buf_release) Buf out = {0};
    StorefrontOptions options = {0};
    StorefrontReport report = {0};
    if (strcmp(cli->arguments[0], "storefront") != 0) {
        FAIL(err, ERR_USAGE, "there is no generator \"%.40s\"", cli->arguments[0]);
        return err_hint(err, "there is: storefront");
    }
    TRY(options_take(cli, &options, err));
    cli_signals();
    options.stop = &cli_stop;
    if (cli_has(cli, "listen")) {
        return generate_server(cli_value(cli, "listen"), &options, err);
    }
    int64_t began_us = clock_monotonic_us();
    TRY(storefront_run(&options, &report, err));
    text_count(&out, (double)report.rows_loaded);
    buf_text(&out, " rows loaded, ");
    text_count(&out, (double)report.changes);
    buf_text(&out, " changes in ");
    text_count(&out, (double)report.transactions);
    buf_text(&out, " transactions (");
    text_count(&out, (double)report.rollbacks);
    buf_text(&out, " rolled back), ");
    text_duration(&out, (clock_monotonic_us() - began_us) / 1000);
    buf_u8(&out, '\n');
    output_write(&out);
    return true;
}
