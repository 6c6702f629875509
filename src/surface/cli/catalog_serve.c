// SPDX-License-Identifier: Apache-2.0
// leat catalog serve: the Iceberg REST catalog without the rest of the server.
#include "core/base/log.h"
#include "core/config/data_directory.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "engine/ipc/server_options.h"
#include "storage/store/s3/s3.h"
#include "surface/api/audit.h"
#include "surface/api/catalog.h"
#include "surface/api/front_http.h"
#include "surface/cli/pipelines.h"

#include <signal.h>

enum { TICK_US = 50 * 1000, POOL_THREADS = 16 };

typedef struct Serving {
    ServerOptions options;
    S3Options s3;
    const char *data_directory;
    int lock; // catalog.db is not replaced meanwhile; several may serve it
    Security *security;
    Audit *audit;
    ApiSurface surface;
    FrontDoor door;
    HttpServer *server;
} Serving;

static bool options_take(const Cli *cli, Serving *serving, Err *err) {
    option_defaults(&SERVER_OPTIONS, &serving->options);
    option_defaults(&S3_OPTIONS, &serving->s3);
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        if (option_find(&S3_OPTIONS, name) != NULL) {
            TRY(option_set(&S3_OPTIONS, &serving->s3, name, equals + 1, cli->arena, err));
        } else {
            TRY(option_set(&SERVER_OPTIONS, &serving->options, name, equals + 1, cli->arena, err));
        }
    }
    const char *listen = cli_value(cli, "listen"), *warehouse = cli_value(cli, "warehouse");
    const char *insecure = getenv("LEAT_INSECURE");
    serving->options.listen_catalog = listen != NULL ? listen : serving->options.listen_catalog;
    serving->options.catalog_warehouse = warehouse != NULL ? warehouse : serving->options.catalog_warehouse;
    if (cli_has(cli, "insecure") || (insecure != NULL && strcmp(insecure, "1") == 0)) {
        serving->options.insecure = true;
    }
    if ((serving->options.tls_certificate[0] == '\0') != (serving->options.tls_key[0] == '\0')) {
        return FAIL(err, ERR_OPTION, "tls.certificate and tls.key are given together, or neither of them");
    }
    return true;
}

static void changed(void *context, const ApiRequest *request, int status) {
    const Serving *serving = context;
    audit_add(serving->audit, request->actor, request->role, request->method, request->path, status);
}

static bool lock_take(Serving *serving, Arena *arena, Err *err) {
    if (file_lock_shared(arena_printf(arena, "%s/catalog.lock", serving->data_directory), &serving->lock, err)) {
        return true;
    }
    if (err->code == ERR_LOCKED) {
        err_prefix(err, "leat catalog rebuild or move is at work on %s", serving->data_directory);
        return err_hint(err, "wait for its end");
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool open_catalog(Serving *serving, Arena *arena, Err *err) {
    const ServerOptions *options = &serving->options;
    TRY(data_directory_ensure(serving->data_directory, arena, err));
    TRY(lock_take(serving, arena, err));
    TRY(security_open(options->token_file, &serving->security, err));
    TRY(audit_open(serving->data_directory, &serving->audit, err));
    const CatalogServing how = {.data_directory = serving->data_directory,
                                .warehouse = options->catalog_warehouse,
                                .name = options->catalog_name,
                                .locations = options->catalog_locations,
                                .client_options = options->catalog_client_options,
                                .s3_options = &serving->s3,
                                .security = serving->security};
    return catalog_api_open(&how, &serving->surface, err) || err_frame(err, __FILE__, __LINE__);
}

static bool listen_there(Serving *serving, int *port, Err *err) {
    const ServerOptions *options = &serving->options;
    HttpAddress address;
    TRY(http_address_parse(options->listen_catalog, &address, err));
    TRY(security_may_listen(serving->security, &address, options->insecure, err));
    TRY(http_server_open(&(HttpServerOptions){.pool_threads = POOL_THREADS}, &serving->server, err));
    serving->door.security = serving->security;
    serving->door.surfaces[0] = &serving->surface;
    serving->door.surface_count = 1;
    serving->door.changed = changed;
    serving->door.context = serving;
    bool tls = options->tls_certificate[0] != '\0';
    HttpListen listen = {.address = &address,
                         .certificate_file = tls ? options->tls_certificate : NULL,
                         .key_file = tls ? options->tls_key : NULL,
                         .handler = front_http_handler(&serving->door)};
    return http_server_listen(serving->server, &listen, port, err) || err_frame(err, __FILE__, __LINE__);
}

static void close_catalog(Serving *serving) {
    if (serving->server != NULL) {
        http_server_close(serving->server);
    }
    catalog_api_close(serving->surface.context);
    audit_close(serving->audit);
    security_close(serving->security);
    file_close(&serving->lock);
}

bool catalog_serve_command(Cli *cli, Err *err) {
    Serving *serving = ARENA_NEW(cli->arena, Serving);
    int port = 0;
    serving->lock = -1;
    serving->data_directory = cli_data_directory(cli);
    TRY(options_take(cli, serving, err));
    signal(SIGPIPE, SIG_IGN);
    cli_signals();
    bool good = open_catalog(serving, cli->arena, err) && listen_there(serving, &port, err);
    if (good) {
        printf("{\"event\":\"listening\",\"port\":%d}\n", port);
        fflush(stdout);
    }
    while (good && !cli_stop) {
        clock_sleep_us(TICK_US);
    }
    close_catalog(serving);
    return good || err_frame(err, __FILE__, __LINE__);
}
