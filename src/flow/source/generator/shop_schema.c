// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/shop_schema.h"

typedef struct Migration {
    const char *name;
    const char *sql;
} Migration;

static const Migration MIGRATIONS[] = {
    {"catalogue and customers", "CREATE SCHEMA shop;\n"
                                "CREATE TABLE shop.schema_version (\n"
                                "    version integer PRIMARY KEY,\n"
                                "    name text NOT NULL,\n"
                                "    applied_at timestamptz NOT NULL DEFAULT now());\n"
                                "CREATE TABLE shop.users (\n"
                                "    id bigint PRIMARY KEY,\n"
                                "    public_id uuid NOT NULL,\n"
                                "    email text NOT NULL,\n"
                                "    name text NOT NULL,\n"
                                "    country char(2) NOT NULL,\n"
                                "    birthday date,\n"
                                "    address jsonb NOT NULL,\n"
                                "    tags text[] NOT NULL,\n"
                                "    points integer NOT NULL,\n"
                                "    balance numeric(12,2) NOT NULL,\n"
                                "    newsletter boolean NOT NULL,\n"
                                "    created_at timestamptz NOT NULL,\n"
                                "    updated_at timestamptz);\n"
                                "CREATE TABLE shop.products (\n"
                                "    id integer PRIMARY KEY,\n"
                                "    name text NOT NULL,\n"
                                "    category smallint NOT NULL,\n"
                                "    price numeric(10,2) NOT NULL,\n"
                                "    stock integer NOT NULL,\n"
                                "    rating double precision,\n"
                                "    attributes jsonb NOT NULL,\n"
                                "    tags text[] NOT NULL,\n"
                                "    description text NOT NULL,\n"
                                "    digest bytea NOT NULL,\n"
                                "    created_at timestamptz NOT NULL,\n"
                                "    updated_at timestamptz);\n"
                                "CREATE TABLE shop.product_skus (\n"
                                "    sku text PRIMARY KEY,\n"
                                "    product_id integer NOT NULL,\n"
                                "    since timestamptz NOT NULL);\n"},
    {"orders", "CREATE TYPE shop.order_status AS ENUM\n"
               "    ('cart', 'placed', 'paid', 'packed', 'shipped', 'delivered', 'cancelled');\n"
               "CREATE TABLE shop.orders (\n"
               "    id bigint PRIMARY KEY,\n"
               "    user_id bigint NOT NULL,\n"
               "    status shop.order_status NOT NULL,\n"
               "    currency char(3) NOT NULL,\n"
               "    total numeric(12,2) NOT NULL,\n"
               "    shipping jsonb NOT NULL,\n"
               "    note text,\n"
               "    placed_at timestamptz NOT NULL,\n"
               "    updated_at timestamptz);\n"
               "CREATE TABLE shop.order_items (\n"
               "    order_id bigint,\n"
               "    line smallint,\n"
               "    product_id integer NOT NULL,\n"
               "    quantity integer NOT NULL,\n"
               "    unit_price numeric(10,2) NOT NULL,\n"
               "    PRIMARY KEY (order_id, line));\n"},
    {"order events by month, audit log",
     "CREATE TABLE shop.order_events (\n"
     "    id bigint,\n"
     "    happened_at timestamptz,\n"
     "    order_id bigint NOT NULL,\n"
     "    status shop.order_status NOT NULL,\n"
     "    payload jsonb NOT NULL,\n"
     "    PRIMARY KEY (id, happened_at)) PARTITION BY RANGE (happened_at);\n"
     "DO $$\n"
     "DECLARE month timestamp := '2026-01-01';\n"
     "BEGIN\n"
     "    WHILE month < '2027-01-01' LOOP\n"
     "        EXECUTE format('CREATE TABLE shop.order_events_%s PARTITION OF shop.order_events\n"
     "                        FOR VALUES FROM (%L) TO (%L)', to_char(month, 'YYYY_MM'),\n"
     "                       month::text || '+00', (month + interval '1 month')::text || '+00');\n"
     "        month := month + interval '1 month';\n"
     "    END LOOP;\n"
     "END $$;\n"
     "CREATE TABLE shop.order_events_rest PARTITION OF shop.order_events DEFAULT;\n"
     "CREATE TABLE shop.audit_log (\n" // no key: rows are only ever added
     "    happened_at timestamptz NOT NULL,\n"
     "    actor text NOT NULL,\n"
     "    action text NOT NULL,\n"
     "    subject bigint,\n"
     "    detail jsonb NOT NULL);\n"},
    {"references and indexes", "ALTER TABLE shop.users ADD UNIQUE (public_id);\n"
                               "ALTER TABLE shop.product_skus ADD UNIQUE (product_id),\n"
                               "    ADD FOREIGN KEY (product_id) REFERENCES shop.products;\n"
                               "ALTER TABLE shop.orders ADD FOREIGN KEY (user_id) REFERENCES shop.users;\n"
                               "ALTER TABLE shop.order_items ADD FOREIGN KEY (order_id) REFERENCES shop.orders;\n"},
};
static_assert(ARRAY_LEN(MIGRATIONS) == SHOP_SCHEMA_READY, "one migration a version");

static void record(Buf *out, int64_t version, const char *name) {
    buf_printf(out, "INSERT INTO shop.schema_version (version, name) VALUES (%" PRId64 ", '%s');\n", version, name);
}

void shop_schema_migrate(Buf *out, int64_t from, int64_t to) {
    ASSERT(0 <= from && to <= SHOP_SCHEMA_READY);
    for (int64_t version = from + 1; version <= to; version++) {
        buf_text(out, MIGRATIONS[version - 1].sql);
        record(out, version, MIGRATIONS[version - 1].name);
    }
}

// A column's default would reach old rows without any change being written: no follower of the log can see that. So the
// columns come empty and are filled by an UPDATE, as careful teams do it anyway.
int64_t shop_schema_evolve(Buf *out, int64_t version, const ShopSchemaCounts *counts) {
    static const char *const TABLES[] = {"users", "products"};
    static const struct {
        const char *type, *value;
    } COLUMNS[] = {
        {"text", "'column ' || id"},
        {"numeric(10,3)", "id / 8.0"},
        {"jsonb", "jsonb_build_object('id', id)"},
        {"timestamptz", "timestamptz '2026-01-01' + id * interval '1 second'"},
        {"integer[]", "ARRAY[id % 7, NULL, id % 11]"},
    };
    ASSERT(version > SHOP_SCHEMA_READY);
    size_t table = (size_t)(version % (int64_t)ARRAY_LEN(TABLES));
    size_t column = (size_t)(version % (int64_t)ARRAY_LEN(COLUMNS));
    int64_t rows = MIN(table == 0 ? counts->users : counts->products, 500);
    buf_text(out, "BEGIN;\n");
    buf_printf(out, "ALTER TABLE shop.%s ADD COLUMN extra_%" PRId64 " %s;\n", TABLES[table], version,
               COLUMNS[column].type);
    buf_printf(out, "UPDATE shop.%s SET extra_%" PRId64 " = %s WHERE id BETWEEN 1 AND %" PRId64 ";\n", TABLES[table],
               version, COLUMNS[column].value, rows);
    record(out, version, "one more column");
    buf_text(out, "COMMIT;\n");
    return rows + 1;
}
