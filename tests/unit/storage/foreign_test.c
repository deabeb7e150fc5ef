// SPDX-License-Identifier: Apache-2.0
// The foreign writer against a real PostgreSQL: what is written, what is made for it, what is
// refused, and that nothing of a user's text becomes SQL.
#include "tests/unit/storage/foreign_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int foreign_test(void);

#define NEED_SERVER                                                                                \
    if (!nj_postgres_installed())                                                                  \
    skip()

enum { MANY = 200, EACH = 40 };
#define CARS "gas_station_1.car_frontal_info"

static void names_that_are_no_identifiers_are_refused_before_any_server(void **state)
{
    static const char *const bad[] = {
        "",
        "a;DROP TABLE b",
        "a\"b",
        "1a",
        "a b",
        "a-b",
        "a.b.c",
        ".a",
        "a.",
        "ä",
        "a\nb",
        "a'b",
        "a\\b",
        "pg_catalog.$",
        "(a)",
        "a,b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    f->options.url = "postgresql://nobody@127.0.0.1:1/none";
    nj_foreign_open(f);
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
        put.write.table = bad[i];
        assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
        nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
        nj_put_cell(&put, NJ_CELL(bad[i], "x"));
        assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
        nj_put_init(&put, f, NJ_FOREIGN_UPDATE, "s");
        put.cells[0].column = bad[i];
        put.write.key_column = bad[i];
        assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
    }
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    nj_put_cell(&put, NJ_CELL("a", "x"));
    nj_put_cell(&put, NJ_CELL("a", "y"));
    assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
    assert_non_null(strstr(put.write.error.text, "twice"));
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s");
    put.write.key_column = "other";
    assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
    put.write.key_column = "session_id";
    put.cells[0].text = NULL;
    assert_int_equal(nj_put_send(&put), NJ_E_INVALID);
    put.write.cell_count = NJ_FOREIGN_CELLS_MAX + 1;
    assert_int_equal(nj_put_send(&put), NJ_E_TOO_BIG);
    assert_int_equal(put.ended, 0);
}

static void url_is_refused_without_showing_it(void **state)
{
    static const char *const bad[] = {"", "mysql://u:SECRET@h/d", "host=h password=SECRET",
                                      "postgresql://u:SECRET@h:70000x/d?what=ever",
                                      "postgresql://u:SECRET%zz@h/d"};
    struct nj_foreign_fixture *f = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        f->options.url = bad[i];
        const struct nj_foreign_config config = {
            .options = &f->options, .name = "test", .loop = f->loop};
        assert_int_equal(nj_foreign_create(&config, &f->foreign, &f->err), NJ_E_INVALID);
        assert_null(strstr(f->err.text, "SECRET"));
    }
}

static void postgres_table_of_cars_is_made_with_its_columns_and_defaults(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    char text[256];
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s1");
    nj_put_cell(&put, NJ_CELL("display_id", "d1"));
    nj_put_cell(&put,
                (struct nj_foreign_cell){.column = "captured_timestamp", .kind = NJ_CELL_NOW});
    assert_int_equal(nj_put(&put), 0);
    nj_foreign_text(f,
                    "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM"
                    " information_schema.columns WHERE table_name = 'car_frontal_info'",
                    text);
    assert_string_equal(text, "display_id,captured_timestamp,session_id,license_character,"
                              "license_type,car_brand,car_model,car_body_type,updated_at");
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM information_schema.columns WHERE"
                                       " table_name = 'car_frontal_info' AND"
                                       " character_maximum_length = 255"),
                     8);
    nj_foreign_text(f,
                    "SELECT display_id || '|' || license_type || '|' ||"
                    " (captured_timestamp::timestamptz = updated_at::timestamptz) FROM " CARS
                    " WHERE session_id = 's1'",
                    text);
    assert_string_equal(text, "d1|No model available|true");
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM pg_index WHERE indisprimary AND"
                                       " indrelid = '" CARS "'::regclass"),
                     1);
}

static void postgres_insert_of_a_known_key_changes_nothing(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    char text[256];
    nj_foreign_open(f);
    for (int i = 0; i < 2; i++) {
        nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s1");
        nj_put_cell(&put, NJ_CELL("car_brand", i == 0 ? "Honda" : "Ford"));
        assert_int_equal(nj_put(&put), 0);
    }
    assert_string_equal(nj_foreign_text(f, "SELECT car_brand FROM " CARS, text), "Honda");
}

static void postgres_fill_gives_a_row_what_it_lacks_and_changes_nothing_else(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    char text[256];
    nj_foreign_open(f);
    for (int i = 0; i < 3; i++) { // the first one makes the row, as an insert does
        nj_put_init(&put, f, i == 1 ? NJ_FOREIGN_UPSERT : NJ_FOREIGN_FILL, i == 0 ? "s0" : "s1");
        nj_put_cell(&put, NJ_CELL("car_brand", i == 2 ? "Ford" : "Honda"));
        if (i == 2)
            nj_put_cell(&put, NJ_CELL("display_id", "d1"));
        assert_int_equal(nj_put(&put), 0);
    }
    nj_foreign_text(f,
                    "SELECT string_agg(concat_ws('|', session_id, car_brand, display_id), ' '"
                    " ORDER BY session_id) FROM " CARS,
                    text);
    assert_string_equal(text, "s0|Honda s1|Honda|d1");
}

static void postgres_update_touches_the_row_and_nothing_else(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s1");
    nj_put_cell(&put, NJ_CELL("car_model", "Civic"));
    assert_int_equal(nj_put(&put), 0);
    nj_foreign_sql(f, "UPDATE " CARS " SET updated_at = '2000-01-01'");
    nj_put_init(&put, f, NJ_FOREIGN_UPDATE, "s1");
    nj_put_cell(&put, NJ_CELL("car_brand", "Honda"));
    assert_int_equal(nj_put(&put), 0);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS
                                       " WHERE car_brand = 'Honda' AND car_model = 'Civic'"
                                       " AND updated_at > '2020-01-01'"),
                     1);
    nj_put_init(&put, f, NJ_FOREIGN_UPDATE, "unknown");
    nj_put_cell(&put, NJ_CELL("car_brand", "Ford"));
    assert_int_equal(nj_put(&put), NJ_E_NOT_FOUND);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), 1);
    nj_put_init(&put, f, NJ_FOREIGN_UPDATE, "s1"); // nothing but the key
    assert_int_equal(nj_put(&put), 0);
}

static void postgres_upsert_makes_or_changes_and_keeps_other_columns(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    char text[256];
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s1");
    nj_put_cell(&put, NJ_CELL("car_brand", "Honda"));
    nj_put_cell(&put, NJ_CELL("car_model", "Civic"));
    assert_int_equal(nj_put(&put), 0);
    nj_foreign_sql(f, "UPDATE " CARS " SET updated_at = '2000-01-01'");
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s1");
    nj_put_cell(&put, NJ_CELL("car_brand", "Ford"));
    nj_put_cell(&put, (struct nj_foreign_cell){.column = "license_type", .kind = NJ_CELL_NULL});
    assert_int_equal(nj_put(&put), 0);
    nj_foreign_text(f,
                    "SELECT car_brand || '|' || car_model || '|' || (license_type IS NULL) || '|'"
                    " || (updated_at > '2020-01-01') FROM " CARS,
                    text);
    assert_string_equal(text, "Ford|Civic|true|true");
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s2"); // nothing but the key
    assert_int_equal(nj_put(&put), 0);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), 2);
}

static void postgres_values_never_become_sql(void **state)
{
    static const char *const values[] = {
        "'; DROP TABLE gas_station_1.car_frontal_info; --",
        "$1",
        "\\'; SELECT 1; --",
        "\" OR \"\"=\"",
        "now()",
        "NOW()",
        "{session_id}",
        "Bj\xc3\xb6rn \xe8\xbb\x8a\xe4\xb8\xa1 \xf0\x9f\x9a\x97",
        "a\tb\nc",
        "",
    };
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    char text[256];
    nj_foreign_open(f);
    for (size_t i = 0; i < NJ_COUNT_OF(values); i++) {
        struct nj_put put;
        nj_put_init(&put, f, NJ_FOREIGN_UPSERT, values[i][0] != '\0' ? values[i] : "empty");
        nj_put_cell(&put, NJ_CELL("car_brand", values[i]));
        assert_int_equal(nj_put(&put), 0);
        nj_foreign_text(f, "SELECT car_brand FROM " CARS " ORDER BY updated_at DESC LIMIT 1", text);
        assert_string_equal(text, values[i]);
    }
    struct nj_put put; // not UTF-8: the server refuses
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s");
    nj_put_cell(&put, NJ_CELL("car_brand", "\xff\xfe"));
    assert_int_equal(nj_put(&put), NJ_E_INVALID);
}

static void postgres_cells_become_their_columns_types_in_a_table_that_exists(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    struct nj_foreign_stats stats;
    char text[256];
    nj_foreign_sql(f, "CREATE TABLE public.\"Mixed\" (id int PRIMARY KEY, n numeric, f float8,"
                      " yes bool, at timestamptz, word text)");
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "7");
    put.write.table = "public.Mixed";
    put.write.key_column = "id";
    put.cells[0] = (struct nj_foreign_cell){.column = "id", .kind = NJ_CELL_NUMBER, .number = 7};
    nj_put_cell(&put,
                (struct nj_foreign_cell){.column = "n", .kind = NJ_CELL_NUMBER, .number = 0.1});
    nj_put_cell(&put,
                (struct nj_foreign_cell){.column = "f", .kind = NJ_CELL_NUMBER, .number = 1.0 / 3});
    nj_put_cell(&put,
                (struct nj_foreign_cell){.column = "yes", .kind = NJ_CELL_BOOL, .truth = true});
    nj_put_cell(&put, (struct nj_foreign_cell){.column = "at", .kind = NJ_CELL_NOW});
    nj_put_cell(&put,
                (struct nj_foreign_cell){.column = "word", .kind = NJ_CELL_NUMBER, .number = NAN});
    assert_int_equal(nj_put(&put), 0);
    nj_foreign_text(f,
                    "SELECT id || '|' || n || '|' || (f = 1.0::float8 / 3) || '|' || yes || '|'"
                    " || (at > now() - interval '1 minute') || '|' || (word IS NULL)"
                    " FROM public.\"Mixed\"",
                    text);
    assert_string_equal(text, "7|0.1|true|true|true|true");
    nj_foreign_get_stats(f->foreign, &stats);
    assert_int_equal(stats.schema_statements, 0);
    put.cells[1] = NJ_CELL("n", "not a number");
    assert_int_equal(nj_put(&put), NJ_E_INVALID);
}

static void postgres_schema_is_made_once_and_columns_when_they_are_missing(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_foreign_stats stats;
    struct nj_put *puts = calloc(MANY, sizeof *puts);
    nj_foreign_open(f);
    for (int i = 0; i < MANY; i++) {
        char session[32];
        snprintf(session, sizeof session, "s%d", i);
        nj_put_init(&puts[i], f, NJ_FOREIGN_INSERT, session);
        snprintf(puts[i].texts[0], sizeof puts[i].texts[0], "%s", session);
        puts[i].cells[0].text = puts[i].texts[0];
        puts[i].write.order_key = puts[i].texts[0];
        puts[i].write.table = "shop.plates";
        assert_int_equal(nj_put_send(&puts[i]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].write.rc, 0);
        assert_int_equal(puts[i].ended, 1);
    }
    nj_foreign_get_stats(f->foreign, &stats);
    assert_int_equal(stats.schema_statements, 2);
    assert_int_equal(stats.written, MANY);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM shop.plates"), MANY);
    nj_put_cell(&puts[0], NJ_CELL("colour", "red"));
    puts[0].write.kind = NJ_FOREIGN_UPSERT;
    for (int i = 0; i < 2; i++)
        assert_int_equal(nj_put(&puts[0]), 0);
    nj_foreign_get_stats(f->foreign, &stats);
    assert_int_equal(stats.schema_statements, 3);
    assert_int_equal(
        nj_foreign_int(f, "SELECT character_maximum_length FROM information_schema.columns"
                          " WHERE table_name = 'plates' AND column_name = 'colour'"),
        255);
    free(puts);
}

static void postgres_role_without_the_right_to_make_writes_to_what_exists(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    nj_foreign_sql(f, "DROP ROLE IF EXISTS clerk");
    nj_foreign_sql(f, "CREATE ROLE clerk LOGIN PASSWORD 'c'");
    nj_foreign_sql(f, "CREATE SCHEMA gas_station_1; CREATE TABLE " CARS
                      " (session_id text PRIMARY KEY, car_brand text);"
                      " GRANT USAGE ON SCHEMA gas_station_1 TO clerk;"
                      " GRANT SELECT, INSERT, UPDATE ON " CARS " TO clerk");
    snprintf(f->url, sizeof f->url, "postgresql://clerk@127.0.0.1:%d/foreign", f->server->port);
    f->options.password = "c";
    nj_foreign_open(f);
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s1");
    nj_put_cell(&put, NJ_CELL("car_brand", "Honda"));
    assert_int_equal(nj_put(&put), 0);
    nj_put_cell(&put, NJ_CELL("car_model", "Civic")); // would have to be made
    assert_int_equal(nj_put(&put), NJ_E_INVALID);
    assert_non_null(strstr(put.write.error.text, "42501"));
    nj_put_init(&put, f, NJ_FOREIGN_UPSERT, "s1");
    put.write.table = "pg_catalog.pg_class";
    assert_int_equal(nj_put(&put), NJ_E_INVALID);
    nj_foreign_destroy(f->foreign, NJ_US_PER_S);
    f->foreign = NULL;
    nj_foreign_sql(f, "DROP OWNED BY clerk; DROP ROLE clerk");
}

static void postgres_write_that_is_refused_leaves_its_neighbours_alone(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put *puts = calloc(MANY, sizeof *puts);
    f->options.connections = 1;
    nj_foreign_open(f);
    int bad = 0;
    for (int i = 0; i < MANY; i++) {
        bool too_long = i % 7 == 3 || i == 0 || i == MANY - 1;
        nj_put_init(&puts[i], f, NJ_FOREIGN_UPSERT, "s");
        snprintf(puts[i].texts[0], sizeof puts[i].texts[0], "s%d", i);
        memset(puts[i].texts[1], 'x', too_long ? 300 : 3);
        puts[i].cells[0].text = puts[i].texts[0];
        nj_put_cell(&puts[i], NJ_CELL("car_brand", puts[i].texts[1]));
        assert_int_equal(nj_put_send(&puts[i]), 0);
        bad += too_long;
    }
    for (int i = 0; i < MANY; i++) {
        nj_put_wait(&puts[i]);
        bool too_long = strlen(puts[i].texts[1]) == 300;
        assert_int_equal(puts[i].write.rc, too_long ? NJ_E_INVALID : 0);
        assert_int_equal(puts[i].ended, 1);
    }
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), MANY - bad);
    free(puts);
}

static void postgres_refusal_at_the_end_of_a_transaction_hits_its_cause_only(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put puts[EACH];
    nj_foreign_sql(f, "CREATE TABLE public.owner (id text PRIMARY KEY);"
                      "INSERT INTO public.owner VALUES ('good');"
                      "CREATE TABLE public.pet (id text PRIMARY KEY, owner text REFERENCES"
                      " public.owner DEFERRABLE INITIALLY DEFERRED)");
    f->options.connections = 1;
    nj_foreign_open(f);
    for (int i = 0; i < EACH; i++) {
        nj_put_init(&puts[i], f, NJ_FOREIGN_INSERT, "p");
        snprintf(puts[i].texts[0], sizeof puts[i].texts[0], "p%d", i);
        puts[i].write.table = "public.pet";
        puts[i].write.key_column = "id";
        puts[i].cells[0] = NJ_CELL("id", puts[i].texts[0]);
        nj_put_cell(&puts[i], NJ_CELL("owner", i == 5 || i == 17 ? "unknown" : "good"));
        assert_int_equal(nj_put_send(&puts[i]), 0);
    }
    for (int i = 0; i < EACH; i++) {
        nj_put_wait(&puts[i]);
        assert_int_equal(puts[i].write.rc, i == 5 || i == 17 ? NJ_E_INVALID : 0);
    }
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM public.pet"), EACH - 2);
}

static void postgres_table_that_was_dropped_is_made_again(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put put;
    nj_foreign_open(f);
    for (int i = 0; i < 3; i++) {
        nj_put_init(&put, f, NJ_FOREIGN_INSERT, "s1");
        assert_int_equal(nj_put(&put), 0);
        assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM " CARS), 1);
        nj_foreign_sql(f, i == 0 ? "DROP TABLE " CARS : "DROP SCHEMA gas_station_1 CASCADE");
    }
}

static void postgres_writes_of_one_key_keep_their_order(void **state)
{
    NEED_SERVER;
    struct nj_foreign_fixture *f = *state;
    struct nj_put *puts = calloc(MANY, sizeof *puts);
    f->options.connections = 4;
    nj_foreign_sql(f, "CREATE SCHEMA gas_station_1; CREATE TABLE " CARS
                      " (session_id text PRIMARY KEY, car_brand int);"
                      "CREATE TABLE public.history (n serial, session text, brand int);"
                      "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                      " INSERT INTO public.history (session, brand) VALUES (NEW.session_id,"
                      " NEW.car_brand); RETURN NEW; END $$;"
                      "CREATE TRIGGER t AFTER INSERT OR UPDATE ON " CARS
                      " FOR EACH ROW EXECUTE FUNCTION public.note()");
    nj_foreign_open(f);
    for (int i = 0; i < MANY; i++) {
        static const char *const sessions[] = {"a", "b", "c", "d", "e"};
        nj_put_init(&puts[i], f, NJ_FOREIGN_UPSERT, sessions[i % 5]);
        nj_put_cell(&puts[i], (struct nj_foreign_cell){
                                  .column = "car_brand", .kind = NJ_CELL_NUMBER, .number = i});
        assert_int_equal(nj_put_send(&puts[i]), 0);
    }
    for (int i = 0; i < MANY; i++)
        nj_put_wait(&puts[i]);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM public.history"), MANY);
    assert_int_equal(nj_foreign_int(f, "SELECT count(*) FROM (SELECT brand < lag(brand) OVER"
                                       " (PARTITION BY session ORDER BY n) AS back"
                                       " FROM public.history) h WHERE back"),
                     0);
    free(puts);
}

int foreign_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_foreign_fixture_setup, nj_foreign_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(names_that_are_no_identifiers_are_refused_before_any_server),
        CASE(url_is_refused_without_showing_it),
        CASE(postgres_table_of_cars_is_made_with_its_columns_and_defaults),
        CASE(postgres_insert_of_a_known_key_changes_nothing),
        CASE(postgres_fill_gives_a_row_what_it_lacks_and_changes_nothing_else),
        CASE(postgres_update_touches_the_row_and_nothing_else),
        CASE(postgres_upsert_makes_or_changes_and_keeps_other_columns),
        CASE(postgres_values_never_become_sql),
        CASE(postgres_cells_become_their_columns_types_in_a_table_that_exists),
        CASE(postgres_schema_is_made_once_and_columns_when_they_are_missing),
        CASE(postgres_role_without_the_right_to_make_writes_to_what_exists),
        CASE(postgres_write_that_is_refused_leaves_its_neighbours_alone),
        CASE(postgres_refusal_at_the_end_of_a_transaction_hits_its_cause_only),
        CASE(postgres_table_that_was_dropped_is_made_again),
        CASE(postgres_writes_of_one_key_keep_their_order),
    };
    return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
