// SPDX-License-Identifier: Apache-2.0
// Records and saved images on the embedded store: as the foreign writer would do it, newest first,
// gone when their time is over.
#include "storage/file_notes_priv.h"
#include "storage/retention.h"
#include "storage/store_records.h"
#include "tests/unit/storage/storage_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_records_test(void);

enum { MANY = 12, CELLS = 6 };
static const nj_us hour_us = 3600 * (nj_us)NJ_US_PER_S;

struct put {
    struct nj_foreign_write write;
    struct nj_foreign_cell cells[CELLS];
};

static struct nj_foreign_cell text_cell(const char *column, const char *text)
{
    return (struct nj_foreign_cell){.column = column, .kind = NJ_CELL_TEXT, .text = text};
}

static void put_init(struct put *put, enum nj_foreign_kind kind, const char *session)
{
    memset(put, 0, sizeof *put);
    put->cells[0] = text_cell("session_id", session);
    put->write = (struct nj_foreign_write){.kind = kind,
                                           .table = "car_frontal_info",
                                           .key_column = "session_id",
                                           .cells = put->cells,
                                           .cell_count = 1};
}

static void put_cell(struct put *put, struct nj_foreign_cell cell)
{
    assert_true(put->write.cell_count < CELLS);
    put->cells[put->write.cell_count++] = cell;
}

static int do_write(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct put *put = arg;
    return nj_records_write(db, &put->write, err);
}

struct get {
    const char *table, *key;
    struct nj_record_row row;
};

static int do_get(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct get *get = arg;
    nj_record_row_finish(&get->row);
    return nj_records_get(db, get->table, get->key, &get->row, err);
}

static void expect_record(struct nj_store_fixture *f, const char *key, const char *json)
{
    struct get get = {.table = "gas_station_1.car_frontal_info", .key = key};
    assert_int_equal(nj_test_read(f, do_get, &get), 0);
    assert_string_equal(get.row.json, json);
    assert_string_equal(get.row.key, key);
    nj_record_row_finish(&get.row);
}

static void insert_keeps_what_is_there(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    put_init(&put, NJ_FOREIGN_INSERT, "s1");
    put_cell(&put, text_cell("car_brand", "Honda"));
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    put.cells[1].text = "Ford";
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    expect_record(f, "s1",
                  "{\"session_id\":\"s1\",\"car_brand\":\"Honda\",\"license_type\":\"No model "
                  "available\"}");
}

static void fill_gives_a_row_what_it_lacks_and_changes_nothing_else(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    put_init(&put, NJ_FOREIGN_UPSERT, "s1");
    put_cell(&put, text_cell("car_brand", "Honda"));
    put_cell(&put, (struct nj_foreign_cell){.column = "car_model", .kind = NJ_CELL_NULL});
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    put_init(&put, NJ_FOREIGN_FILL, "s1");
    put_cell(&put, text_cell("car_brand", "Ford"));
    put_cell(&put, text_cell("car_model", "Civic"));
    put_cell(&put, text_cell("display_id", "d1"));
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    expect_record(f, "s1",
                  "{\"session_id\":\"s1\",\"car_brand\":\"Honda\",\"car_model\":\"Civic\","
                  "\"license_type\":\"No model available\",\"display_id\":\"d1\"}");
}

static void update_changes_its_columns_and_needs_a_row(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    struct get get = {.table = "car_frontal_info", .key = "s1"};
    put_init(&put, NJ_FOREIGN_UPDATE, "s1");
    put_cell(&put, text_cell("car_brand", "Ford"));
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_NOT_FOUND);
    put_init(&put, NJ_FOREIGN_INSERT, "s1");
    put_cell(&put, text_cell("car_brand", "Honda"));
    put_cell(&put, text_cell("license_type", "EU"));
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    nj_us made = nj_test_now(f);
    nj_fake_clock_advance(&f->clock, hour_us);
    put_init(&put, NJ_FOREIGN_UPDATE, "s1");
    put_cell(&put, text_cell("car_brand", "Ford"));
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    expect_record(f, "s1",
                  "{\"session_id\":\"s1\",\"car_brand\":\"Ford\",\"license_type\":\"EU\"}");
    assert_int_equal(nj_test_read(f, do_get, &get), 0);
    assert_int_equal(get.row.created_us, made);
    assert_int_equal(get.row.updated_us, made + hour_us);
    assert_string_equal(get.row.table, "gas_station_1.car_frontal_info");
    nj_record_row_finish(&get.row);
}

static void upsert_keeps_the_types_of_its_values(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    struct get get = {.table = "shop.plates", .key = "7"};
    put_init(&put, NJ_FOREIGN_UPSERT, "");
    put.write.table = "shop.plates";
    put.write.key_column = "n";
    put.cells[0] = (struct nj_foreign_cell){.column = "n", .kind = NJ_CELL_NUMBER, .number = 7};
    put_cell(&put,
             (struct nj_foreign_cell){.column = "sure", .kind = NJ_CELL_NUMBER, .number = 0.25});
    put_cell(&put, (struct nj_foreign_cell){.column = "yes", .kind = NJ_CELL_BOOL, .truth = true});
    put_cell(&put, (struct nj_foreign_cell){.column = "at", .kind = NJ_CELL_NOW});
    put_cell(&put, (struct nj_foreign_cell){.column = "none", .kind = NJ_CELL_NULL});
    put_cell(&put, text_cell("word", "\"; DROP TABLE x; --"));
    for (int i = 0; i < 2; i++)
        assert_int_equal(nj_test_write(f, do_write, &put), 0);
    assert_int_equal(nj_test_read(f, do_get, &get), 0);
    assert_string_equal(get.row.json, "{\"n\":7,\"sure\":0.25,\"yes\":true,\"at\":\"2026-01-24T10:"
                                      "30:00.000000Z\",\"none\":null,\"word\":\"\\\"; DROP TABLE "
                                      "x; --\"}");
    nj_record_row_finish(&get.row);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM pipeline_records"), 1);
}

static void what_a_server_would_refuse_is_refused_here(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    char *large = calloc(1, NJ_RECORD_JSON_MAX + 1);
    memset(large, 'x', NJ_RECORD_JSON_MAX);
    put_init(&put, NJ_FOREIGN_UPSERT, "s1");
    put.write.table = "a;b";
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_INVALID);
    put_init(&put, NJ_FOREIGN_UPSERT, "s1");
    put_cell(&put, text_cell("bad name", "x"));
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_INVALID);
    put.cells[1] = text_cell("a", "\xff");
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_INVALID);
    put.cells[1] = text_cell("a", large);
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_TOO_BIG);
    large[NJ_RECORD_KEY_SIZE] = '\0';
    put_init(&put, NJ_FOREIGN_UPSERT, large);
    assert_int_equal(nj_test_write(f, do_write, &put), NJ_E_TOO_BIG);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM pipeline_records"), 0);
    free(large);
}

struct list {
    struct nj_records_query query;
    char keys[MANY][8];
    int64_t ids[MANY];
    size_t count, stop_at;
    int64_t total;
};

static int see(const struct nj_record_row *row, int64_t id, void *arg)
{
    struct list *list = arg;
    if (list->stop_at != 0 && list->count == list->stop_at)
        return NJ_E_CANCELLED;
    snprintf(list->keys[list->count], sizeof list->keys[0], "%.7s", row->key);
    list->ids[list->count++] = id;
    return 0;
}

static int do_list(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct list *list = arg;
    list->count = 0;
    int rc =
        list->query.table != NULL ? nj_records_count(db, list->query.table, &list->total, err) : 0;
    return rc != 0 ? rc : nj_records_list(db, &list->query, see, list, err);
}

static void list_goes_from_the_newest_in_pages(void **state)
{
    struct nj_store_fixture *f = *state;
    for (int i = 0; i < MANY; i++) {
        struct put put;
        char key[16];
        snprintf(key, sizeof key, "s%d", i);
        put_init(&put, NJ_FOREIGN_INSERT, key);
        put.write.table = i % 3 == 2 ? "other" : "car_frontal_info";
        assert_int_equal(nj_test_write(f, do_write, &put), 0);
    }
    struct list list = {.query = {.table = "car_frontal_info", .limit = 3}};
    assert_int_equal(nj_test_read(f, do_list, &list), 0);
    assert_int_equal(list.total, 8);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.keys[0], "s10");
    assert_string_equal(list.keys[2], "s7");
    list.query.before_id = list.ids[2];
    assert_int_equal(nj_test_read(f, do_list, &list), 0);
    assert_string_equal(list.keys[0], "s6");
    list.query = (struct nj_records_query){.limit = MANY};
    assert_int_equal(nj_test_read(f, do_list, &list), 0);
    assert_int_equal(list.count, MANY);
    list.stop_at = 2;
    assert_int_equal(nj_test_read(f, do_list, &list), NJ_E_CANCELLED);
}

struct image {
    struct nj_image_row row;
    char path[1024];
    const char *key;
    size_t seen;
    char first[NJ_IMAGE_KEY_SIZE];
    nj_us now_us;
    bool named;
};

static int do_put(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct image *image = arg;
    return nj_images_put(db, &image->row, image->path, err);
}

static int do_get_image(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct image *image = arg;
    return nj_images_get(db, image->key, &image->row, err);
}

static int do_delete(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct image *image = arg;
    return nj_images_delete(db, image->key, image->path, err);
}

static int see_expired(const struct nj_image_row *row, void *arg)
{
    struct image *image = arg;
    if (image->seen++ == 0)
        snprintf(image->first, sizeof image->first, "%s", row->key);
    return 0;
}

static int do_expired(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct image *image = arg;
    image->seen = 0;
    const struct nj_images_query query = {.now_us = image->now_us, .limit = 2};
    return nj_images_expired(db, &query, see_expired, image, err);
}

static int do_named(struct nj_db *db, void *arg, struct nj_error *err)
{
    struct image *image = arg;
    return nj_file_is_named(db, image->row.path, &image->named, err);
}

static void put_image(struct nj_store_fixture *f, const char *key, const char *path, nj_us life_us)
{
    struct image image = {.row = {.bytes = 5, .created_us = nj_test_now(f)}};
    snprintf(image.row.key, sizeof image.row.key, "%s", key);
    snprintf(image.row.path, sizeof image.row.path, "%s", path);
    snprintf(image.row.type, sizeof image.row.type, "image/png");
    image.row.expires_us = life_us != 0 ? image.row.created_us + life_us : 0;
    assert_int_equal(nj_test_write(f, do_put, &image), 0);
}

static void image_is_found_until_its_time_is_over(void **state)
{
    struct nj_store_fixture *f = *state;
    struct image image = {.key = "inference:d1:2025:s:f.jpg"};
    put_image(f, image.key, "/media/a.png", hour_us);
    put_image(f, "for ever", "/media/b.png", 0);
    assert_int_equal(nj_test_read(f, do_get_image, &image), 0);
    assert_string_equal(image.row.path, "/media/a.png");
    assert_string_equal(image.row.type, "image/png");
    assert_int_equal(image.row.bytes, 5);
    nj_fake_clock_advance(&f->clock, hour_us);
    assert_int_equal(nj_test_read(f, do_get_image, &image), NJ_E_NOT_FOUND);
    image.key = "for ever";
    assert_int_equal(nj_test_read(f, do_get_image, &image), 0);
}

static void image_that_is_replaced_tells_the_older_file(void **state)
{
    struct nj_store_fixture *f = *state;
    struct image image = {.path = "?"};
    put_image(f, "k", "/media/a.png", hour_us);
    snprintf(image.row.key, sizeof image.row.key, "k");
    snprintf(image.row.path, sizeof image.row.path, "/media/b.png");
    snprintf(image.row.type, sizeof image.row.type, "image/jpeg");
    assert_int_equal(nj_test_write(f, do_put, &image), 0);
    assert_string_equal(image.path, "/media/a.png");
    assert_int_equal(nj_test_write(f, do_put, &image), 0);
    assert_string_equal(image.path, ""); // the file in use must not be deleted
    image.row.key[0] = '\0';
    assert_int_equal(nj_test_write(f, do_put, &image), NJ_E_INVALID);
}

static void image_is_deleted_once_and_tells_its_file(void **state)
{
    struct nj_store_fixture *f = *state;
    struct image image = {.key = "k"};
    put_image(f, "k", "/media/a.png", hour_us);
    nj_fake_clock_advance(&f->clock, 2 * hour_us); // also when it has expired
    assert_int_equal(nj_test_write(f, do_delete, &image), 0);
    assert_string_equal(image.path, "/media/a.png");
    assert_int_equal(nj_test_write(f, do_delete, &image), NJ_E_NOT_FOUND);
}

static void expired_images_come_oldest_first_and_a_few_at_a_time(void **state)
{
    struct nj_store_fixture *f = *state;
    struct image image = {.now_us = nj_test_now(f) + hour_us};
    put_image(f, "late", "/media/1.png", hour_us + 1);
    put_image(f, "third", "/media/2.png", hour_us);
    put_image(f, "first", "/media/3.png", 1);
    put_image(f, "second", "/media/4.png", 2);
    put_image(f, "never", "/media/5.png", 0);
    assert_int_equal(nj_test_read(f, do_expired, &image), 0);
    assert_int_equal(image.seen, 2);
    assert_string_equal(image.first, "first");
}

static void file_of_a_saved_image_is_no_orphan(void **state)
{
    struct nj_store_fixture *f = *state;
    struct image image = {.named = false};
    put_image(f, "k", "/media/a.png", hour_us);
    snprintf(image.row.path, sizeof image.row.path, "/media/a.png");
    assert_int_equal(nj_test_read(f, do_named, &image), 0);
    assert_true(image.named);
    snprintf(image.row.path, sizeof image.row.path, "/media/b.png");
    assert_int_equal(nj_test_read(f, do_named, &image), 0);
    assert_false(image.named);
}

static void records_go_with_retention(void **state)
{
    struct nj_store_fixture *f = *state;
    struct put put;
    const struct nj_retention_options options = {.retention_days = 30, .log_retention_days = 7};
    const struct nj_retention_task task = {.store = f->store, .options = &options};
    struct nj_retention_report report;
    put_init(&put, NJ_FOREIGN_INSERT, "old");
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    nj_fake_clock_advance(&f->clock, 31 * 24 * hour_us);
    put_init(&put, NJ_FOREIGN_INSERT, "new");
    assert_int_equal(nj_test_write(f, do_write, &put), 0);
    assert_int_equal(nj_retention_run(&task, &report, &f->err), 0);
    assert_int_equal(nj_test_sql_int(f->db_path, "SELECT COUNT(*) FROM pipeline_records"), 1);
    expect_record(f, "new", "{\"session_id\":\"new\",\"license_type\":\"No model available\"}");
}

int store_records_test(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, nj_store_fixture_setup, nj_store_fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(insert_keeps_what_is_there),
        CASE(fill_gives_a_row_what_it_lacks_and_changes_nothing_else),
        CASE(update_changes_its_columns_and_needs_a_row),
        CASE(upsert_keeps_the_types_of_its_values),
        CASE(what_a_server_would_refuse_is_refused_here),
        CASE(list_goes_from_the_newest_in_pages),
        CASE(image_is_found_until_its_time_is_over),
        CASE(image_that_is_replaced_tells_the_older_file),
        CASE(image_is_deleted_once_and_tells_its_file),
        CASE(expired_images_come_oldest_first_and_a_few_at_a_time),
        CASE(file_of_a_saved_image_is_no_orphan),
        CASE(records_go_with_retention),
    };
    return cmocka_run_group_tests_name("store_records", tests, NULL, NULL);
}
