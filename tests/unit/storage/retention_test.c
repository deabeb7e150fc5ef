// SPDX-License-Identifier: Apache-2.0
// Retention: what goes, what stays, and that files and rows never part.
#include "storage/retention.h"
#include "storage/media.h"
#include "storage/store_uploads.h"
#include "storage/store_work.h"
#include "tests/unit/storage/rows_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int retention_test(void);

static const nj_us day = 86400 * (nj_us)NJ_US_PER_S;

struct world {
    struct nj_store_fixture *f;
    struct nj_retention_options options;
    struct nj_retention_task task;
    struct nj_retention_report report;
    struct nj_media *media;
    char uploads[NJ_TEMP_PATH_MAX];
    nj_us old_us; // before the limit
};

static int setup(void **state)
{
    if (nj_store_fixture_setup(state) != 0)
        return -1;
    struct world *w = calloc(1, sizeof(*w));
    char folder[NJ_TEMP_PATH_MAX];
    w->f = *state;
    w->options = (struct nj_retention_options){.retention_days = 30, .log_retention_days = 7};
    (void)nj_temp_dir_path(&w->f->dir, "pictures", folder);
    (void)nj_temp_dir_path(&w->f->dir, "uploads", w->uploads);
    assert_int_equal(mkdir(w->uploads, 0750), 0);
    assert_int_equal(nj_media_create(folder, 0, &w->media, NULL), 0);
    w->task = (struct nj_retention_task){
        .store = w->f->store, .options = &w->options, .pictures_folder = nj_media_folder(w->media)};
    // The files of the test are made now: rows of today, then the clock of the store goes on.
    w->old_us = nj_wall_us(nj_clock_real()) + day;
    nj_fake_clock_jump_wall(&w->f->clock, w->old_us - nj_test_now(w->f));
    nj_test_camera(w->f, "a");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    void *fixture = w->f;
    nj_media_destroy(w->media);
    free(w);
    return nj_store_fixture_teardown(&fixture);
}

static void later(struct world *w)
{
    nj_fake_clock_jump_wall(&w->f->clock, 31 * day);
}

static void run(struct world *w)
{
    assert_int_equal(nj_retention_run(&w->task, &w->report, &w->f->err), 0);
}

static int64_t rows(const struct world *w, const char *table)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM %s", table);
    return nj_test_sql_int(w->f->db_path, sql);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    (void)close(fd);
}

// A detection in an analysed batch with an event; its picture is ours or an upload.
static void add_sighting(struct world *w, const char *batch, bool is_upload, char *out_path)
{
    struct nj_detection_row row;
    struct nj_event_row event;
    nj_us now = nj_test_now(w->f);
    assert_int_equal(nj_test_batch(w->f, batch, "a", "analysed"), 0);
    nj_test_detection_row(&row, "a", now)->file_is_upload = is_upload;
    NJ_TEST_SET(row.batch_id, batch);
    if (is_upload) {
        (void)snprintf(row.file_path, sizeof(row.file_path), "%s/%s.jpg", w->uploads, batch);
        make_file(row.file_path);
    } else {
        struct nj_media_picture picture = {
            .camera_id = "a", .wall_us = now, .bytes = "12345", .length = 5};
        assert_int_equal(
            nj_media_write(w->media, &picture, row.file_path, sizeof(row.file_path), NULL), 0);
    }
    (void)snprintf(out_path, NJ_STORE_PATH_SIZE, "%s", row.file_path);
    assert_int_equal(nj_test_detection(w->f, &row), 0);
    assert_int_equal(nj_test_event(w->f, nj_test_event_row(&event, batch, "a", now)), 0);
}

static void old_rows_and_own_pictures_go_uploads_stay(void **state)
{
    struct world *w = *state;
    char own[NJ_STORE_PATH_SIZE], upload[NJ_STORE_PATH_SIZE];
    add_sighting(w, "b1", false, own);
    add_sighting(w, "b2", true, upload);
    run(w); // nothing is old
    assert_int_equal(w->report.events + w->report.detections + w->report.batches, 0);
    later(w);
    run(w);
    assert_int_equal(w->report.events, 2);
    assert_int_equal(w->report.detections, 2);
    assert_int_equal(w->report.batches, 2);
    assert_int_equal(w->report.pictures, 1);
    assert_int_equal(w->report.images, 0);
    assert_int_equal(w->report.bytes, 5);
    assert_false(exists(own));
    assert_true(exists(upload));
    *strrchr(own, '/') = '\0';
    assert_false(exists(own)); // the day's folder is empty now
    assert_int_equal(rows(w, "detections") + rows(w, "events") + rows(w, "batches"), 0);
    assert_int_equal(rows(w, "pending_file_deletes"), 0);
}

static void uploads_go_when_the_setting_says_so_unless_they_changed(void **state)
{
    struct world *w = *state;
    char kept[NJ_STORE_PATH_SIZE], gone[NJ_STORE_PATH_SIZE];
    w->options.delete_images = true;
    add_sighting(w, "b1", true, gone);
    // A camera writes over its file: what lies there now is younger than the row.
    nj_fake_clock_jump_wall(&w->f->clock, -3 * day);
    add_sighting(w, "b2", true, kept);
    nj_fake_clock_jump_wall(&w->f->clock, 3 * day);
    later(w);
    run(w);
    assert_int_equal(w->report.detections, 2);
    assert_int_equal(w->report.images, 1);
    assert_false(exists(gone));
    assert_true(exists(kept));
    assert_int_equal(rows(w, "pending_file_deletes"), 0);
}

static void upload_that_another_row_names_stays(void **state)
{
    struct world *w = *state;
    char upload[NJ_STORE_PATH_SIZE];
    w->options.delete_images = true;
    add_sighting(w, "b1", true, upload);
    later(w);
    struct nj_detection_row row;
    nj_test_detection_row(&row, "a", nj_test_now(w->f));
    (void)snprintf(row.file_path, sizeof(row.file_path), "%s", upload);
    assert_int_equal(nj_test_detection(w->f, &row), 0);
    run(w);
    assert_int_equal(w->report.detections, 1);
    assert_true(exists(upload));
    assert_int_equal(rows(w, "pending_file_deletes"), 0);
}

static void unanalysed_detections_and_open_batches_stay(void **state)
{
    struct world *w = *state;
    struct nj_detection_row row;
    assert_int_equal(nj_test_batch(w->f, "open", "a", "open"), 0);
    assert_int_equal(nj_test_batch(w->f, "closed", "a", "closed"), 0);
    static const char *const batches[] = {"", "open", "closed"};
    for (size_t i = 0; i < 3; i++) {
        nj_test_detection_row(&row, "a", nj_test_now(w->f));
        NJ_TEST_SET(row.batch_id, batches[i]);
        assert_int_equal(nj_test_detection(w->f, &row), 0);
    }
    later(w);
    run(w);
    assert_int_equal(w->report.detections + w->report.batches, 0);
    assert_int_equal(rows(w, "detections"), 3);
    assert_int_equal(rows(w, "batches"), 2);
}

static void old_captures_stored_lately_stay(void **state)
{
    struct world *w = *state;
    char own[NJ_STORE_PATH_SIZE];
    later(w);
    add_sighting(w, "b1", false, own);
    nj_test_sql(w->f->db_path, "UPDATE events SET started_us = 1, ended_us = 2;"
                               "UPDATE detections SET detected_us = 1");
    run(w);
    assert_int_equal(w->report.events + w->report.detections + w->report.batches, 0);
    assert_true(exists(own));
}

static void more_than_one_batch_of_rows_goes(void **state)
{
    struct world *w = *state;
    assert_int_equal(nj_test_batch(w->f, "b1", "a", "analysed"), 0);
    nj_test_sql(w->f->db_path,
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
                " INSERT INTO detections (camera_id, batch_id, file_path, file_key,"
                " file_is_upload, media_type, object_type, confidence, x, y, width, height,"
                " picture_width, picture_height, track_id, video_offset_ms, detected_us, ended_us,"
                " created_us, model) SELECT 'a', 'b1', CAST('/u.jpg' AS BLOB), 1, 1, 'live',"
                " 'car', 0.5, 0, 0, 1, 1, 9, 9, i, 0, i / 3, i, 0, 'm' FROM n");
    later(w);
    run(w);
    assert_int_equal(w->report.detections, 2500);
    assert_int_equal(w->report.batches, 1);
    assert_int_equal(rows(w, "detections"), 0);
    // Numbers of tracks go on where they were.
    assert_int_equal(nj_test_sql_int(w->f->db_path, "SELECT last_track_id FROM cameras"), 2500);
}

static int letter_body(struct nj_db *db, void *arg, struct nj_error *err)
{
    (void)arg;
    char payload[] = "{}";
    struct nj_letter_row letter = {.queue = "q", .reason = "failed", .payload = payload};
    int rc = nj_letters_insert(db, &letter, NULL, err);
    struct nj_refused_row refused = {.path = "/x", .reason = "too_small"};
    return rc != 0 ? rc : nj_refused_insert(db, &refused, err);
}

static void logs_go_earlier(void **state)
{
    struct world *w = *state;
    assert_int_equal(nj_test_write(w->f, letter_body, NULL), 0);
    nj_fake_clock_jump_wall(&w->f->clock, 7 * day);
    run(w);
    assert_int_equal(w->report.logs, 0);
    nj_fake_clock_jump_wall(&w->f->clock, 1);
    run(w);
    assert_int_equal(w->report.logs, 2);
    assert_int_equal(rows(w, "dead_letters") + rows(w, "refused_files"), 0);
}

static void dry_run_counts_the_same_and_touches_nothing(void **state)
{
    struct world *w = *state;
    char own[NJ_STORE_PATH_SIZE], upload[NJ_STORE_PATH_SIZE];
    add_sighting(w, "b1", false, own);
    add_sighting(w, "b2", true, upload);
    assert_int_equal(nj_test_write(w->f, letter_body, NULL), 0);
    later(w);
    w->options.delete_images = true;
    w->task.dry_run = true;
    run(w);
    struct nj_retention_report dry = w->report;
    assert_true(dry.dry_run);
    assert_int_equal(rows(w, "detections"), 2);
    assert_true(exists(own) && exists(upload));
    w->task.dry_run = false;
    run(w);
    dry.dry_run = false;
    assert_memory_equal(&dry, &w->report, sizeof(dry));
}

static bool always(void *arg)
{
    (void)arg;
    return true;
}

static void cancelled_run_says_so(void **state)
{
    struct world *w = *state;
    w->task.cancelled = always;
    assert_int_equal(nj_retention_run(&w->task, &w->report, &w->f->err), NJ_E_CANCELLED);
}

static void recover_finishes_what_a_crash_left(void **state)
{
    struct world *w = *state;
    char named[NJ_STORE_PATH_SIZE], sql[NJ_STORE_PATH_SIZE + 200];
    char noted[NJ_STORE_PATH_SIZE], orphan[NJ_STORE_PATH_SIZE], young[NJ_STORE_PATH_SIZE];
    struct nj_media_picture picture = {
        .camera_id = "a", .wall_us = 1, .bytes = "12345", .length = 5};
    add_sighting(w, "b1", false, named);
    assert_int_equal(nj_media_write(w->media, &picture, noted, sizeof(noted), NULL), 0);
    assert_int_equal(nj_media_write(w->media, &picture, orphan, sizeof(orphan), NULL), 0);
    assert_int_equal(nj_media_write(w->media, &picture, young, sizeof(young), NULL), 0);
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(utimensat(AT_FDCWD, named, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, orphan, long_ago, 0), 0);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO pending_file_deletes VALUES (CAST('%s' AS BLOB), 0, 0),"
                   " (CAST('/etc/passwd' AS BLOB), 0, 0), (CAST('%s/none' AS BLOB), 0, 0)",
                   noted, nj_media_folder(w->media));
    nj_test_sql(w->f->db_path, sql);
    w->task.dry_run = true;
    assert_int_equal(nj_retention_recover(&w->task, &w->report, &w->f->err), 0);
    assert_int_equal(w->report.pictures, 1); // the orphan
    assert_true(exists(orphan) && exists(noted));
    w->task.dry_run = false;
    assert_int_equal(nj_retention_recover(&w->task, &w->report, &w->f->err), 0);
    assert_int_equal(w->report.pictures, 2);
    assert_true(exists(named) && exists(young) && exists("/etc/passwd"));
    assert_false(exists(noted) || exists(orphan));
    assert_int_equal(rows(w, "pending_file_deletes"), 0);
}

static void folder_of_another_database_is_left_alone(void **state)
{
    struct world *w = *state;
    char path[NJ_STORE_PATH_SIZE];
    struct nj_media_picture picture = {
        .camera_id = "a", .wall_us = 1, .bytes = "12345", .length = 5};
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    for (int i = 0; i < 300; i++) {
        assert_int_equal(nj_media_write(w->media, &picture, path, sizeof(path), NULL), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    }
    assert_int_equal(nj_retention_recover(&w->task, &w->report, &w->f->err), NJ_E_CONFLICT);
    assert_true(exists(path));
    assert_int_equal(w->report.pictures, 0);
}

// A run takes ten thousand at most; what it leaves for the next is no sign that the folder is ours.
static void folder_of_another_database_is_left_alone_however_many_it_holds(void **state)
{
    enum { PICTURES = 20100 };
    struct world *w = *state;
    char first[NJ_STORE_PATH_SIZE], name[NJ_STORE_PATH_SIZE + 16];
    struct nj_media_picture picture = {
        .camera_id = "a", .wall_us = 1, .bytes = "12345", .length = 5};
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    assert_int_equal(nj_media_write(w->media, &picture, first, sizeof(first), NULL), 0);
    assert_int_equal(utimensat(AT_FDCWD, first, long_ago, 0), 0);
    for (int i = 1; i < PICTURES; i++) {
        (void)snprintf(name, sizeof(name), "%s.%d", first, i);
        assert_int_equal(link(first, name), 0);
    }
    assert_int_equal(nj_retention_recover(&w->task, &w->report, &w->f->err), NJ_E_CONFLICT);
    assert_non_null(strstr(w->f->err.text, "20100 of 20100"));
    assert_true(exists(first));
    assert_int_equal(w->report.pictures, 0);
}

// A look that fails says nothing: the note stays until the file is really gone.
static void file_that_cannot_be_looked_at_is_deleted_by_a_later_run(void **state)
{
    struct world *w = *state;
    char path[NJ_STORE_PATH_SIZE], folder[NJ_STORE_PATH_SIZE], aside[NJ_STORE_PATH_SIZE + 8];
    add_sighting(w, "b1", false, path);
    (void)snprintf(folder, sizeof(folder), "%s/a", nj_media_folder(w->media));
    (void)snprintf(aside, sizeof(aside), "%s.aside", folder);
    assert_int_equal(rename(folder, aside), 0);
    assert_int_equal(symlink(folder, folder), 0); // leads to itself: ELOOP
    later(w);
    run(w);
    assert_int_equal(w->report.detections, 1);
    assert_int_equal(w->report.pictures, 0);
    assert_int_equal(rows(w, "pending_file_deletes"), 1);
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(rename(aside, folder), 0);
    run(w);
    assert_int_equal(w->report.pictures, 1);
    assert_false(exists(path));
    assert_int_equal(rows(w, "pending_file_deletes"), 0);
}

int retention_test(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(old_rows_and_own_pictures_go_uploads_stay),
        CASE(uploads_go_when_the_setting_says_so_unless_they_changed),
        CASE(upload_that_another_row_names_stays),
        CASE(unanalysed_detections_and_open_batches_stay),
        CASE(old_captures_stored_lately_stay),
        CASE(more_than_one_batch_of_rows_goes),
        CASE(logs_go_earlier),
        CASE(dry_run_counts_the_same_and_touches_nothing),
        CASE(cancelled_run_says_so),
        CASE(recover_finishes_what_a_crash_left),
        CASE(folder_of_another_database_is_left_alone),
        CASE(folder_of_another_database_is_left_alone_however_many_it_holds),
        CASE(file_that_cannot_be_looked_at_is_deleted_by_a_later_run),
    };
    return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
