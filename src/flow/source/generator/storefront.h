// SPDX-License-Identifier: Apache-2.0
// `leat generate storefront`: a live web shop in a PostgreSQL database, in a schema of its own, "shop". The first run
// makes the tables by numbered migrations and fills them (scale 1: 10,000 users, 2,000 products, 50,000 orders with
// about 150,000 items, about 330,000 rows in all); every run then makes traffic: carts, orders with their items in one
// transaction, status moves, prices, stock, edits, returns, new SKUs (key changes), transactions rolled back whole or
// to a savepoint, and now and then a large one.
//
// The same seed makes the same rows and the same traffic, value by value; only its speed depends on the machine. One
// connection, with synchronous_commit off. A second generator on the same database is refused.
#ifndef LEAT_FLOW_SOURCE_GENERATOR_STOREFRONT_H
#define LEAT_FLOW_SOURCE_GENERATOR_STOREFRONT_H

#include "core/config/option.h"

typedef struct StorefrontReport StorefrontReport;

typedef struct StorefrontOptions {
    const char *to; // the database
    int64_t scale;
    int64_t rate;        // row changes per second; 0 = load only
    int64_t duration_ms; // traffic ends after rate × duration changes; 0 = at *stop
    int64_t seed;
    int64_t migrations;        // columns added in the course of the traffic: spread over its duration, or one a minute
    const volatile bool *stop; // set by a signal handler; NULL = none
    void (*told)(void *context,
                 const StorefrontReport *report); // how far it is, many times a second; NULL = nobody asks
    void *context;
} StorefrontOptions;
extern const OptionTable STOREFRONT_OPTIONS;

struct StorefrontReport {
    int64_t rows_loaded;
    int64_t changes; // rows inserted, updated and deleted by traffic and committed
    int64_t transactions, rollbacks;
};

CHECKED bool storefront_run(const StorefrontOptions *options, StorefrontReport *report, Err *err);

#endif
