// SPDX-License-Identifier: Apache-2.0
// Archives by address: what is asked for, resumed, shared, kept, and what is refused.
#include "archives/archive.h"

#include "tests/fake/names.h"
#include "tests/fake/fake_clock.h"
#include "tests/unit/archives/web_helper.h"
#include "tests/fake/world/zip.h"
#include "util/mem.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int archive_store_test(void);

enum { URL_SIZE = 128, START_US = 1000 * NJ_US_PER_S };

struct world {
    struct nj_temp_dir dir;
    struct web web;
    struct zip_made first, second; // two contents
    char first_sha256[NJ_SHA256_HEX_SIZE], second_sha256[NJ_SHA256_HEX_SIZE];
    struct nj_archive_options options;
    const char *roots[1];
    char root[NJ_TEMP_PATH_MAX];
    struct nj_fake_clock clock;
    struct nj_archive_store *store;
};

static void make(struct zip_made *zip, const char *prefix, char *sha256)
{
    zip_made_init(zip);
    zip_made_add_archive(zip, prefix);
    zip_made_end(zip, 0);
    nj_sha256_hex(zip->bytes.data, zip->bytes.length, sha256);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return -1;
    nj_temp_dir_init(&world->dir);
    make(&world->first, "one/", world->first_sha256);
    make(&world->second, "two/", world->second_sha256);
    web_start(&world->web, world->first.bytes.data, world->first.bytes.length);
    world->options = zip_options(&world->dir);
    world->options.rules.loopback = true;
    world->options.fresh_us = 60 * NJ_US_PER_S;
    nj_temp_dir_path(&world->dir, "root", world->root);
    assert_int_equal(mkdir(world->root, 0700), 0);
    world->roots[0] = world->root;
    world->options.roots = (struct nj_text_list){world->roots, 1};
    nj_fake_clock_init(&world->clock, START_US);
    assert_int_equal(
        nj_archive_store_create(&world->options, &world->clock.clock, NULL, &world->store, NULL),
        0);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    nj_archive_store_destroy(world->store);
    web_stop(&world->web);
    zip_made_finish(&world->first);
    zip_made_finish(&world->second);
    nj_temp_dir_finish(&world->dir);
    free(world);
    return 0;
}

static int get(struct world *world, const char *path, const char *sha256, struct nj_archive **out,
               struct nj_error *err)
{
    char url[URL_SIZE];
    web_url(&world->web, path, url, sizeof url);
    return nj_archive_store_get(world->store, &(struct nj_archive_wish){url, sha256, NULL}, out,
                                err);
}

// Gets it and checks its content; the archive goes at once.
static void assert_gets(struct world *world, const char *path, const char *sha256)
{
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    if (get(world, path, NULL, &archive, &err) != 0)
        fail_msg("%s: %s", path, err.text);
    assert_string_equal(archive->sha256, sha256);
    nj_archive_unref(archive);
}

static void assert_refuses(struct world *world, const char *path, int rc, const char *says)
{
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    const int found = get(world, path, NULL, &archive, &err);
    if (found != rc || strstr(err.text, says) == NULL)
        fail_msg("%s: %d '%s' instead of %d '%s'", path, found, err.text, rc, says);
    assert_null(archive);
}

static bool has_part(struct world *world)
{
    char pattern[NJ_TEMP_PATH_MAX + 64];
    snprintf(pattern, sizeof pattern, "ls %s/cache/*.part >/dev/null 2>&1", world->dir.path);
    return system(pattern) == 0; // NOLINT(cert-env33-c): the path is ours
}

static void an_address_is_asked_again_only_when_it_is_not_fresh(void **state)
{
    struct world *world = *state;
    assert_gets(world, "/a", world->first_sha256);
    assert_gets(world, "/a", world->first_sha256);
    assert_int_equal(web_requests(&world->web), 1);
    assert_false(has_part(world));
    nj_fake_clock_advance(&world->clock, world->options.fresh_us);
    assert_gets(world, "/a", world->first_sha256); // unchanged: nothing is sent again
    assert_int_equal(web_requests(&world->web), 2);
    assert_true(web_saw(&world->web, "If-None-Match: \"one\""));
    assert_gets(world, "/a", world->first_sha256); // and is fresh from then on
    assert_int_equal(web_requests(&world->web), 2);
    nj_fake_clock_jump_wall(&world->clock, -START_US / 2); // a clock that was put back
    assert_gets(world, "/a", world->first_sha256);
    assert_int_equal(web_requests(&world->web), 3);
}

static void what_changed_is_fetched_anew(void **state)
{
    struct world *world = *state;
    assert_gets(world, "/a", world->first_sha256);
    web_set(&world->web, world->second.bytes.data, world->second.bytes.length, "\"two\"");
    nj_fake_clock_advance(&world->clock, world->options.fresh_us);
    assert_gets(world, "/a", world->second_sha256);
    assert_gets(world, "/a", world->second_sha256);
    assert_int_equal(web_requests(&world->web), 2);
}

static void a_store_that_begins_again_knows_what_was_fetched(void **state)
{
    struct world *world = *state;
    assert_gets(world, "/a", world->first_sha256);
    nj_archive_store_destroy(world->store);
    assert_int_equal(
        nj_archive_store_create(&world->options, &world->clock.clock, NULL, &world->store, NULL),
        0);
    assert_gets(world, "/a", world->first_sha256);
    assert_int_equal(web_requests(&world->web), 1);
}

static void an_address_that_fails_is_served_from_the_cache(void **state)
{
    struct world *world = *state;
    struct nj_archive *archive = NULL;
    char url[URL_SIZE];
    web_url(&world->web, "/a", url, sizeof url);
    assert_gets(world, "/a", world->first_sha256);
    nj_fake_clock_advance(&world->clock, world->options.fresh_us);
    web_stop(&world->web);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                          &archive, NULL),
                     0);
    assert_string_equal(archive->sha256, world->first_sha256);
    nj_archive_unref(archive);
    // With another content in mind the cache is no answer.
    assert_int_equal(nj_archive_store_get(
                         world->store, &(struct nj_archive_wish){url, world->second_sha256, NULL},
                         &archive, NULL),
                     NJ_E_UNAVAILABLE);
    web_start(&world->web, "", 0); // for the tear-down
}

static void a_broken_download_goes_on_where_it_ended(void **state)
{
    struct world *world = *state;
    web_fail(&world->web, 100, 0);
    assert_gets(world, "/cut", world->first_sha256);
    assert_int_equal(web_requests(&world->web), 2);
    assert_true(web_saw(&world->web, "Range: bytes=100-"));
    assert_true(web_saw(&world->web, "If-Range: \"one\""));
}

static void another_file_is_not_glued_to_a_part(void **state)
{
    struct world *world = *state;
    struct nj_archive *archive = NULL;
    world->options.total_us = 300 * NJ_US_PER_MS;
    assert_refuses(world, "/silent", NJ_E_TIMEOUT, "no whole answer within 0.3 s");
    world->options.total_us = 60 * NJ_US_PER_S;
    assert_false(has_part(world)); // without a tag nothing can be resumed, so nothing is kept
    web_fail(&world->web, 100, 0);
    web_ranges(&world->web, false); // gives the whole file whatever is asked
    assert_gets(world, "/cut", world->first_sha256);
    web_ranges(&world->web, true);
    web_fail(&world->web, 100, 0);
    web_set(&world->web, world->second.bytes.data, world->second.bytes.length, NULL);
    assert_int_equal(get(world, "/cut", world->second_sha256, &archive, NULL), NJ_E_UNAVAILABLE);
    assert_false(has_part(world));
    assert_int_equal(get(world, "/cut", world->second_sha256, &archive, NULL), 0);
    assert_string_equal(archive->sha256, world->second_sha256);
    nj_archive_unref(archive);
}

static void a_part_is_kept_for_the_next_try(void **state)
{
    struct world *world = *state;
    web_fail(&world->web, 100, 1); // after the cut
    assert_refuses(world, "/cut", NJ_E_UNAVAILABLE, "status 500");
    assert_true(has_part(world));
    // As after another start of the program.
    nj_archive_store_destroy(world->store);
    assert_int_equal(
        nj_archive_store_create(&world->options, &world->clock.clock, NULL, &world->store, NULL),
        0);
    assert_gets(world, "/cut", world->first_sha256);
    assert_true(web_saw(&world->web, "Range: bytes=100-"));
    assert_false(has_part(world));
}

static void a_part_of_what_changed_is_not_used(void **state)
{
    struct world *world = *state;
    web_fail(&world->web, 100, 1);
    assert_refuses(world, "/cut", NJ_E_UNAVAILABLE, "status 500");
    web_set(&world->web, world->second.bytes.data, world->second.bytes.length, "\"two\"");
    assert_gets(world, "/cut", world->second_sha256);
}

static void a_checksum_is_compared(void **state)
{
    struct world *world = *state;
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    assert_int_equal(get(world, "/a", world->second_sha256, &archive, &err), NJ_E_CONFLICT);
    assert_non_null(strstr(err.text, world->first_sha256));
    assert_false(has_part(world));
    assert_int_equal(get(world, "/a", "abc", &archive, &err), NJ_E_INVALID);
    assert_int_equal(get(world, "/a", world->first_sha256, &archive, &err), 0);
    const int requests = web_requests(&world->web);
    nj_archive_unref(archive);
    // Known by its content: not even the address matters.
    assert_int_equal(get(world, "/missing", world->first_sha256, &archive, &err), 0);
    nj_archive_unref(archive);
    assert_int_equal(web_requests(&world->web), requests);
}

struct getter {
    struct world *world;
    const char *path;
    struct nj_cancel cancel;
    pthread_t thread;
    int rc;
    struct nj_archive *archive;
    struct nj_error error;
};

static void run_getter(void *arg)
{
    struct getter *getter = arg;
    char url[URL_SIZE];
    web_url(&getter->world->web, getter->path, url, sizeof url);
    getter->rc = nj_archive_store_get(getter->world->store,
                                      &(struct nj_archive_wish){url, NULL, &getter->cancel},
                                      &getter->archive, &getter->error);
}

static void start_getter(struct getter *getter, struct world *world, const char *path)
{
    *getter = (struct getter){.world = world, .path = path};
    nj_cancel_init(&getter->cancel, NULL);
    assert_int_equal(nj_thread_start(&getter->thread, "getter", run_getter, getter, NULL), 0);
}

static void one_download_serves_many_callers(void **state)
{
    struct world *world = *state;
    struct getter getters[8];
    world->options.fresh_us = 0; // each caller of its own would ask
    web_hold(&world->web, true);
    for (size_t i = 0; i < NJ_COUNT_OF(getters); i++)
        start_getter(&getters[i], world, "/hold");
    web_wait(&world->web, 1);
    web_hold(&world->web, false);
    for (size_t i = 0; i < NJ_COUNT_OF(getters); i++) {
        nj_thread_join(getters[i].thread);
        assert_int_equal(getters[i].rc, 0);
        assert_string_equal(getters[i].archive->sha256, world->first_sha256);
        nj_archive_unref(getters[i].archive);
    }
    // A caller that came after the end asks itself; most came before.
    assert_true(web_requests(&world->web) < (int)NJ_COUNT_OF(getters));
}

static void who_cancels_leaves_the_others_alone(void **state)
{
    struct world *world = *state;
    struct getter leader, follower;
    web_hold(&world->web, true);
    start_getter(&leader, world, "/hold");
    web_wait(&world->web, 1);
    start_getter(&follower, world, "/hold");
    nj_cancel_fire(&leader.cancel);
    nj_thread_join(leader.thread);
    assert_int_equal(leader.rc, NJ_E_CANCELLED);
    web_wait(&world->web, 2); // the other one asks itself now
    web_hold(&world->web, false);
    nj_thread_join(follower.thread);
    assert_int_equal(follower.rc, 0);
    nj_archive_unref(follower.archive);
}

static void who_waits_can_cancel(void **state)
{
    struct world *world = *state;
    struct getter leader, follower;
    web_hold(&world->web, true);
    start_getter(&leader, world, "/hold");
    web_wait(&world->web, 1);
    start_getter(&follower, world, "/hold");
    nj_cancel_fire(&follower.cancel);
    nj_archive_store_wake(world->store);
    nj_thread_join(follower.thread);
    assert_int_equal(follower.rc, NJ_E_CANCELLED);
    web_hold(&world->web, false);
    nj_thread_join(leader.thread);
    assert_int_equal(leader.rc, 0);
    nj_archive_unref(leader.archive);
}

static void bad_servers_are_refused_with_reasons(void **state)
{
    struct world *world = *state;
    assert_refuses(world, "/missing", NJ_E_NOT_FOUND, "the server has no such file (status 404)");
    assert_refuses(world, "/broken", NJ_E_UNAVAILABLE, "the server answers with status 500");
    assert_refuses(world, "/loop", NJ_E_UNAVAILABLE, "more than 5 redirects");
    assert_refuses(world, "/huge", NJ_E_TOO_BIG, "the answer has more than");
    world->options.max_archive_bytes = 1 << 20;
    assert_refuses(world, "/endless", NJ_E_TOO_BIG, "the answer has more than 1048576 bytes");
    assert_false(has_part(world));
    world->options.idle_us = NJ_US_PER_S;
    assert_refuses(world, "/silent", NJ_E_TIMEOUT, "no byte for too long");
    web_set(&world->web, "<html>not a zip, but some text", 30, "\"x\"");
    assert_refuses(world, "/a", NJ_E_CORRUPT, "this is no ZIP");
    assert_false(has_part(world));
}

static void redirects_are_followed_and_judged_again(void **state)
{
    struct world *world = *state;
    static const char *const listed[] = {"127.0.0.1"};
    assert_gets(world, "/moved", world->first_sha256);
    assert_gets(world, "/elsewhere", world->first_sha256);
    nj_fake_clock_advance(&world->clock, world->options.fresh_us);
    world->options.rules.loopback = false;
    assert_refuses(world, "/moved", NJ_E_DENIED, "is this machine itself");
    world->options.rules.allowed = (struct nj_text_list){listed, 1};
    assert_gets(world, "/moved", world->first_sha256);
    const int requests = web_requests(&world->web);
    assert_refuses(world, "/elsewhere", NJ_E_DENIED, "127.0.0.2");
    assert_int_equal(web_requests(&world->web), requests + 1); // the redirect alone
}

static int get_named(struct world *world, const char *host, struct nj_error *err)
{
    char url[URL_SIZE];
    struct nj_archive *archive = NULL;
    snprintf(url, sizeof url, "http://%s:%d/a", host, world->web.port);
    int rc = nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                  &archive, err);
    nj_archive_unref(archive);
    return rc;
}

static void names_are_looked_up_once_and_within_the_deadline(void **state)
{
    struct world *world = *state;
    struct nj_error err = {0};
    nj_fake_names_set("files.test", "127.0.0.1");
    assert_int_equal(get_named(world, "files.test", &err), 0);
    assert_int_equal(nj_fake_names_asked("files.test"), 1); // judged and connected to
    nj_fake_names_set("inside.test", "10.0.0.1");
    assert_int_equal(get_named(world, "inside.test", &err), NJ_E_DENIED);
    world->options.connect_us = 30 * NJ_US_PER_MS;
    nj_fake_names_set("slow.test", NULL);
    assert_int_equal(get_named(world, "slow.test", &err), NJ_E_TIMEOUT);
    nj_fake_names_await_hanging(1); // still, and the next fetch joins it
    assert_int_equal(get_named(world, "slow.test", &err), NJ_E_TIMEOUT);
    assert_int_equal(nj_fake_names_asked("slow.test"), 1);
    nj_fake_names_finish();
}

static void addresses_of_other_kinds_are_refused(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *url;
        int rc;
        const char *says;
    } cases[] = {
        {"file:///etc/passwd", NJ_E_DENIED, "'/etc/passwd' lies below none of archives.roots"},
        {"file:///etc/absent", NJ_E_DENIED, "lies below none"}, // nothing is told of it
        {"/etc/passwd", NJ_E_DENIED, "lies below none"},
        {"file://host/x", NJ_E_INVALID, "without a host"},
        {"file:///etc%2fpasswd", NJ_E_DENIED, "lies below none"},
        {"file:///etc/pass%00wd", NJ_E_INVALID, "wrong %-escape"},
        {"file:///etc/pass%zz", NJ_E_INVALID, "wrong %-escape"},
        {"file:///etc/pass%", NJ_E_INVALID, "wrong %-escape"},
        {"ftp://127.0.0.1/x", NJ_E_DENIED, "http://, https:// and file://"},
        {"gopher://127.0.0.1/x", NJ_E_DENIED, "http://, https:// and file://"},
        {"http://10.0.0.1:1/x", NJ_E_DENIED, "private network"},
        {"http://169.254.169.254/latest", NJ_E_DENIED, "never allowed"},
        {"http://[::ffff:10.0.0.1]/x", NJ_E_DENIED, "private network"},
        {"http:///x", NJ_E_INVALID, ""},
        {"", NJ_E_DENIED, "lies below none"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_archive *archive = NULL;
        struct nj_error err = {0};
        const int rc = nj_archive_store_get(
            world->store, &(struct nj_archive_wish){cases[i].url, NULL, NULL}, &archive, &err);
        if (rc != cases[i].rc || strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %d %s", cases[i].url, rc, err.text);
    }
}

static void credentials_stay_out_of_errors(void **state)
{
    struct world *world = *state;
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    char url[URL_SIZE];
    snprintf(url, sizeof url, "http://me:hunter2@127.0.0.1:%d/missing?token=hunter3",
             world->web.port);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                          &archive, &err),
                     NJ_E_NOT_FOUND);
    assert_null(strstr(err.text, "hunter"));
    assert_non_null(strstr(err.text, "127.0.0.1"));
}

static void a_missing_file_below_a_root_is_told_however_the_root_is_written(void **state)
{
    struct world *world = *state;
    char root[PATH_MAX], absent[PATH_MAX];
    snprintf(root, sizeof root, "%s/.", world->root);
    snprintf(absent, sizeof absent, "%s/absent.mpta", world->root);
    world->roots[0] = root;
    assert_refuses(world, absent, NJ_E_NOT_FOUND, "absent.mpta");
    world->roots[0] = world->root;
}

static void files_below_the_roots_are_taken(void **state)
{
    struct world *world = *state;
    struct nj_archive *archive = NULL;
    struct nj_error err = {0};
    char path[NJ_TEMP_PATH_MAX], url[NJ_TEMP_PATH_MAX + 64];
    zip_made_save(&world->first, &world->dir, "root/a b.mpta");
    zip_made_save(&world->first, &world->dir, "beside.mpta");
    nj_temp_dir_path(&world->dir, "root/a b.mpta", path);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){path, NULL, NULL},
                                          &archive, &err),
                     0);
    nj_archive_unref(archive);
    snprintf(url, sizeof url, "file://%s/a%%20b.mpta", world->root);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                          &archive, &err),
                     0);
    nj_archive_unref(archive);
    snprintf(url, sizeof url, "file://localhost%s/a%%20b.mpta", world->root);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                          &archive, &err),
                     0);
    nj_archive_unref(archive);
    assert_int_equal(nj_archive_store_get(
                         world->store, &(struct nj_archive_wish){path, world->second_sha256, NULL},
                         &archive, &err),
                     NJ_E_CONFLICT);
    assert_int_equal(nj_archive_store_get(world->store,
                                          &(struct nj_archive_wish){"a b.mpta", NULL, NULL},
                                          &archive, &err),
                     0);
    nj_archive_unref(archive); // a name alone is looked for in the roots
    assert_int_equal(nj_archive_store_get(world->store,
                                          &(struct nj_archive_wish){"../beside.mpta", NULL, NULL},
                                          &archive, &err),
                     NJ_E_DENIED);
    // Out of the root by name and by link.
    snprintf(url, sizeof url, "%s/../beside.mpta", world->root);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){url, NULL, NULL},
                                          &archive, &err),
                     NJ_E_DENIED);
    assert_int_equal(symlink("../beside.mpta", nj_temp_dir_path(&world->dir, "root/link", path)),
                     0);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){path, NULL, NULL},
                                          &archive, &err),
                     NJ_E_DENIED);
    nj_temp_dir_path(&world->dir, "root/absent.mpta", path);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){path, NULL, NULL},
                                          &archive, &err),
                     NJ_E_NOT_FOUND);
}

static void files_make_room_for_one_another_too(void **state)
{
    struct world *world = *state;
    const struct zip_made *const contents[] = {&world->first, &world->second};
    struct nj_archive *archives[2] = {NULL, NULL};
    char path[NJ_TEMP_PATH_MAX];
    world->options.cache_bytes = 1;
    for (size_t i = 0; i < NJ_COUNT_OF(contents); i++) {
        zip_made_save(contents[i], &world->dir, "root/a.mpta");
        nj_temp_dir_path(&world->dir, "root/a.mpta", path);
        assert_int_equal(nj_archive_store_get(world->store,
                                              &(struct nj_archive_wish){path, NULL, NULL},
                                              &archives[i], NULL),
                         0);
        assert_int_equal(zip_count_names(&world->dir, "cache"), i + 1); // in use: it stays
    }
    nj_archive_unref(archives[0]);
    nj_archive_unref(archives[1]);
    assert_int_equal(nj_archive_store_get(world->store, &(struct nj_archive_wish){path, NULL, NULL},
                                          &archives[1], NULL),
                     0);
    assert_int_equal(zip_count_names(&world->dir, "cache"), 1);
    nj_archive_unref(archives[1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int archive_store_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_address_is_asked_again_only_when_it_is_not_fresh),
        CASE(what_changed_is_fetched_anew),
        CASE(a_store_that_begins_again_knows_what_was_fetched),
        CASE(an_address_that_fails_is_served_from_the_cache),
        CASE(a_broken_download_goes_on_where_it_ended),
        CASE(another_file_is_not_glued_to_a_part),
        CASE(a_part_is_kept_for_the_next_try),
        CASE(a_part_of_what_changed_is_not_used),
        CASE(a_checksum_is_compared),
        CASE(one_download_serves_many_callers),
        CASE(who_cancels_leaves_the_others_alone),
        CASE(who_waits_can_cancel),
        CASE(bad_servers_are_refused_with_reasons),
        CASE(redirects_are_followed_and_judged_again),
        CASE(names_are_looked_up_once_and_within_the_deadline),
        CASE(addresses_of_other_kinds_are_refused),
        CASE(credentials_stay_out_of_errors),
        CASE(a_missing_file_below_a_root_is_told_however_the_root_is_written),
        CASE(files_below_the_roots_are_taken),
        CASE(files_make_room_for_one_another_too),
    };
    return cmocka_run_group_tests_name("archive_store", tests, NULL, NULL);
}
