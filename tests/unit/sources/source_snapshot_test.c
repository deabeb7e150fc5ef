// SPDX-License-Identifier: Apache-2.0
// Snapshot cameras against a test camera with faults, and against a server that says "unchanged".
#include "frames/picture.h"
#include "net/http_server.h"
#include "tests/fake/await.h"
#include "tests/fake/names.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int source_snapshot_test(void);

enum { SOON_MS = 20000 };

struct scene {
    struct nj_test_camera *camera;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_source_entry entry;
    char url[NJ_TEST_CAMERA_URL_MAX];
    char file[NJ_TEMP_PATH_MAX];
};

static void add_mount(struct scene *scene, struct nj_test_camera_mount mount)
{
    struct nj_error err = {0};
    mount.name = mount.name ? mount.name : "cam";
    mount.file = nj_test_video("small", scene->file);
    mount.snapshots = true;
    if (nj_test_camera_add(scene->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
}

static void open_scene(struct scene *scene, const struct nj_test_camera_options *options)
{
    struct nj_error err = {0};
    *scene = (struct scene){.camera = NULL};
    if (nj_test_camera_create(options, &scene->camera, &err) != 0)
        fail_msg("%s", err.text);
    nj_hub_init(&scene->hub, true);
    nj_hub_user_init(&scene->user);
    scene->entry = (struct nj_source_entry){.id = "cam",
                                            .kind = NJ_SOURCE_SNAPSHOT,
                                            .url = scene->url,
                                            .username = "",
                                            .password = "",
                                            .snapshot_interval_us = 50 * NJ_US_PER_MS,
                                            .connect_timeout_us = 5 * NJ_US_PER_S,
                                            .reconnect_us = 50 * NJ_US_PER_MS,
                                            .max_retries = -1};
}

static void close_scene(struct scene *scene)
{
    nj_hub_user_finish(&scene->user);
    nj_hub_finish(&scene->hub);
    nj_test_camera_destroy(scene->camera);
}

static void join(struct scene *scene, const char *scheme, const char *credentials)
{
    struct nj_error err = {0};
    nj_test_camera_url(scene->camera, scheme, "cam", credentials, scene->url);
    if (nj_hub_join(&scene->hub, &scene->entry, 0, &scene->user, &err) != 0)
        fail_msg("%s", err.text);
}

static void wait_frames(struct scene *scene, int more)
{
    struct nj_source_stats stats;
    int frames = nj_hub_user_frames(&scene->user) + more;
    if (nj_hub_until(&scene->hub, nj_hub_has_frames, &scene->user, frames, SOON_MS))
        return;
    nj_stream_get_stats(scene->user.user, &stats);
    fail_msg("state %d: %s", stats.state, stats.reason);
}

static void good_cameras_show_pictures(void **state)
{
    static const struct {
        struct nj_test_camera_options options;
        const char *scheme, *credentials;
        struct nj_test_camera_mount mount;
    } cases[] = {
        {{.host = NULL}, "http", NULL, {.name = NULL}},
        {{.host = "::1"}, "http", NULL, {.name = NULL}},
        {{.tls = true}, "https", NULL, {.name = NULL}},
        {{.host = NULL}, "http", NULL, {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_FROZEN}}},
        {{.host = NULL},
         "http",
         "u:p%40",
         {.auth = NJ_TEST_CAMERA_BASIC, .user = "u", .password = "p@"}},
        {{.host = NULL},
         "http",
         "u:p",
         {.auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "p"}},
        {{.host = NULL},
         "http",
         "u:p",
         {.auth = NJ_TEST_CAMERA_DIGEST_SHA256, .user = "u", .password = "p"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct nj_source_stats stats;
        open_scene(&scene, &cases[i].options);
        add_mount(&scene, cases[i].mount);
        join(&scene, cases[i].scheme, cases[i].credentials);
        wait_frames(&scene, 3);
        nj_stream_get_stats(scene.user.user, &stats);
        assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
        assert_true(stats.width > 0 && nj_hub_has_width(&scene.user, stats.width));
        close_scene(&scene);
    }
}

static void bad_cameras_say_why(void **state)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    static const struct {
        const char *word;
        struct nj_test_camera_mount mount;
    } cases[] = {
        {"404", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_NOT_FOUND}}},
        {"503", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_ERROR}}},
        {"picture", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_NOT_PICTURE}}},
        {"nothing", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_EMPTY}}},
        {"127.0.0.1", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_TRUNCATED}}},
        {"within", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_STALLED}}},
        {"", {.faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_ENDLESS}}}, // by bytes or by time
        {"within", {.faults = {.answer_delay_ms = NJ_TEST_CAMERA_NEVER}}},
        {"401", {.auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "secret"}},
        {"never allowed", {.redirect_to = "http://169.254.169.254/latest"}},
        {"never allowed", {.redirect_to = "http://meta.test/latest"}},
        {"file://", {.redirect_to = "file:///etc/passwd"}},
    };
    (void)state;
    nj_fake_names_set("meta.test", "169.254.169.254");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        open_scene(&scene, &plain);
        scene.entry.max_retries = 0;
        scene.entry.connect_timeout_us = 800 * NJ_US_PER_MS;
        add_mount(&scene, cases[i].mount);
        join(&scene, "http", NULL);
        bool failed =
            nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_FAILED, SOON_MS);
        const char *reason = scene.user.state.reason;
        if (!failed || !strstr(reason, cases[i].word) || strstr(reason, "secret"))
            fail_msg("case %zu: \"%s\" instead of %s", i, reason, cases[i].word);
        assert_int_equal(scene.user.state.code == NJ_E_DENIED, cases[i].mount.redirect_to != NULL);
        assert_int_equal(nj_hub_user_frames(&scene.user), 0);
        close_scene(&scene);
    }
    nj_fake_names_finish();
}

static void names_that_hang_or_lead_astray_are_told(void **state)
{
    static const struct {
        const char *host, *address, *word;
    } cases[] = {
        {"slow.test", NULL, "no answer from the resolver"},
        {"meta.test", "169.254.169.254", "never allowed"}, // without any rules of its users
        {"none.test", "", "cannot be resolved"},
    };
    static const struct nj_test_camera_options plain = {.host = NULL};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct nj_error err = {0};
        open_scene(&scene, &plain);
        nj_fake_names_set(cases[i].host, cases[i].address);
        scene.entry.max_retries = 0;
        scene.entry.connect_timeout_us = 50 * NJ_US_PER_MS;
        snprintf(scene.url, sizeof scene.url, "http://%s/a.jpg", cases[i].host);
        assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &scene.user, &err), 0);
        assert_true(
            nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_FAILED, SOON_MS));
        if (!strstr(scene.user.state.reason, cases[i].word))
            fail_msg("%s: %s", cases[i].host, scene.user.state.reason);
        close_scene(&scene); // joins the capture thread while the lookup hangs
        nj_fake_names_finish();
    }
}

static void camera_that_comes_back_is_shown_again(void **state)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct nj_test_camera_faults broken = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_ERROR};
    struct nj_test_camera_faults well = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_GOOD};
    struct scene scene;
    (void)state;
    open_scene(&scene, &plain);
    add_mount(&scene, (struct nj_test_camera_mount){.name = NULL});
    join(&scene, "http", NULL);
    wait_frames(&scene, 2);
    assert_int_equal(nj_test_camera_set_faults(scene.camera, "cam", &broken), 0);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_int_equal(nj_test_camera_set_faults(scene.camera, "cam", &well), 0);
    wait_frames(&scene, 2);
    close_scene(&scene);
}

static void users_with_their_own_intervals_share_one_poll(void **state)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct nj_test_camera_stats counted;
    struct nj_source_stats stats;
    struct nj_hub_user fast;
    struct scene scene;
    (void)state;
    open_scene(&scene, &plain);
    add_mount(&scene, (struct nj_test_camera_mount){.name = NULL});
    nj_hub_user_init(&fast);
    struct nj_source_entry often = scene.entry;
    scene.entry.snapshot_interval_us = 3600 * (nj_us)NJ_US_PER_S;
    join(&scene, "http", NULL);
    wait_frames(&scene, 1);
    for (int round = 0; round < 2; round++) { // whoever wants more often need not wait an hour
        const int seen = nj_hub_user_frames(&fast);
        assert_int_equal(nj_hub_join(&scene.hub, &often, 0, &fast, NULL), 0);
        assert_int_equal(nj_hub_count(&scene.hub), 1);
        assert_true(nj_hub_until(&scene.hub, nj_hub_has_frames, &fast, seen + 4, SOON_MS));
        nj_hub_leave(&fast);
    }
    assert_int_equal(nj_hub_user_frames(&scene.user), 1); // paced by its own
    nj_stream_get_stats(scene.user.user, &stats);
    assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &counted), 0);
    assert_int_equal(counted.connections_ever, 1);
    nj_hub_user_finish(&fast);
    close_scene(&scene);
}

static void redirects_are_followed_within_the_rules(void **state)
{
    static const struct nj_test_camera_options plain = {.host = NULL}, six = {.host = "::1"};
    static const char *const first[] = {"127.0.0.1"};
    static const struct nj_address_rules first_only = {.allowed = {first, 1}};
    struct nj_test_camera *other = NULL;
    struct nj_test_camera_stats stats;
    char target[NJ_TEST_CAMERA_URL_MAX], file[NJ_TEMP_PATH_MAX];
    struct scene scene;
    (void)state;
    open_scene(&scene, &plain);
    assert_int_equal(nj_test_camera_create(&six, &other, NULL), 0);
    const struct nj_test_camera_mount open = {
        .name = "target", .file = nj_test_video("small", file), .snapshots = true};
    assert_int_equal(nj_test_camera_add(other, &open, NULL), 0);
    nj_test_camera_url(other, "http", "target", NULL, target);
    add_mount(&scene, (struct nj_test_camera_mount){.redirect_to = target});
    scene.hub.rules = &first_only;
    join(&scene, "http", NULL);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_non_null(strstr(scene.user.state.reason, "allow_loopback"));
    assert_int_equal(nj_test_camera_get_stats(other, NULL, &stats), 0);
    assert_int_equal(stats.connections_ever, 0);
    nj_hub_leave(&scene.user);
    scene.hub.rules = NULL;
    join(&scene, "http", NULL);
    wait_frames(&scene, 2);
    close_scene(&scene);
    nj_test_camera_destroy(other);
}

static void unverified_certificate_is_refused(void **state)
{
    static const struct nj_test_camera_options tls = {.tls = true};
    struct scene scene;
    (void)state;
    open_scene(&scene, &tls);
    add_mount(&scene, (struct nj_test_camera_mount){.name = NULL});
    scene.entry.tls_verify = true;
    join(&scene, "https", NULL);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_int_equal(nj_hub_user_frames(&scene.user), 0);
    close_scene(&scene);
}

// Gives pictures with a tag and a date, on the hub's own loop.
struct tagger {
    void *bytes[2];
    size_t lengths[2];
    int current, asked, unchanged;
};

static const char *const tags[] = {"\"first\"", "\"second\""};
static const char date[] = "Sat, 21 Nov 2026 10:00:00 GMT";

static void handle_tagged(struct nj_http_request *request, void *arg)
{
    struct tagger *tagger = arg;
    const char *tag = nj_http_header(request, "If-None-Match");
    const char *since = nj_http_header(request, "If-Modified-Since");
    const struct nj_http_field headers[] = {{"ETag", tags[tagger->current]},
                                            {"Last-Modified", date}};
    struct nj_http_reply reply = {.status = 200,
                                  .content_type = "image/jpeg",
                                  .body = tagger->bytes[tagger->current],
                                  .body_length = tagger->lengths[tagger->current],
                                  .headers = headers,
                                  .header_count = 2};
    tagger->asked++;
    if (tag && strcmp(tag, tags[tagger->current]) == 0 && since && strcmp(since, date) == 0) {
        tagger->unchanged++;
        reply = (struct nj_http_reply){.status = 304};
    }
    nj_http_reply(request, &reply);
}

static void make_picture(int side_px, void **bytes, size_t *length)
{
    const struct nj_picture_encode encode = {.quality = 80};
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(side_px, side_px, NJ_PIXEL_GRAY, &frame), 0);
    memset((void *)(uintptr_t)frame->planes[0], 99, (size_t)frame->strides[0] * (size_t)side_px);
    assert_int_equal(nj_picture_encode_jpeg(frame, &encode, bytes, length, NULL), 0);
    nj_frame_unref(frame);
}

static bool has_frames_or_more(struct nj_hub_user *user, int value)
{
    struct nj_source_stats stats;
    nj_stream_get_stats(user->user, &stats);
    return stats.frames >= (uint64_t)value;
}

static void note_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void unchanged_picture_is_asked_for_and_not_sent_again(void **state)
{
    static const struct nj_http_server_options options = {.host = "127.0.0.1",
                                                          .max_connections = 8,
                                                          .max_head_bytes = 8192,
                                                          .max_body_bytes = 1 << 20,
                                                          .head_timeout_us = 60 * NJ_US_PER_S,
                                                          .body_timeout_us = 60 * NJ_US_PER_S,
                                                          .idle_timeout_us = 60 * NJ_US_PER_S};
    struct tagger tagger = {.asked = 0};
    struct nj_http_server *server = NULL;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    char url[64];
    bool stopped = false;
    (void)state;
    make_picture(32, &tagger.bytes[0], &tagger.lengths[0]);
    make_picture(48, &tagger.bytes[1], &tagger.lengths[1]);
    nj_hub_init(&hub, true);
    nj_hub_user_init(&user);
    assert_int_equal(nj_http_server_create(hub.loop, &options, handle_tagged, &tagger, &server), 0);
    assert_int_equal(nj_http_server_start(server, NULL), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/now.jpg", nj_http_server_port(server));
    const struct nj_source_entry entry = {.id = "cam",
                                          .kind = NJ_SOURCE_SNAPSHOT,
                                          .url = url,
                                          .snapshot_interval_us = 50 * NJ_US_PER_MS,
                                          .max_retries = -1};
    assert_int_equal(nj_hub_join(&hub, &entry, 0, &user, NULL), 0);
    assert_true(nj_hub_until(&hub, has_frames_or_more, &user, 4, SOON_MS)); // it is alive
    assert_int_equal(nj_hub_user_frames(&user), 1);
    assert_true(tagger.unchanged >= 3 && tagger.unchanged == tagger.asked - 1);
    tagger.current = 1;
    assert_true(nj_hub_until(&hub, nj_hub_has_frames, &user, 2, SOON_MS));
    assert_true(nj_hub_has_width(&user, 48));
    assert_int_equal(nj_hub_user_resets(&user), 1);
    nj_hub_user_finish(&user);
    nj_http_server_stop(server, 0, note_stopped, &stopped);
    nj_loop_await(hub.loop, nj_is_set, &stopped, NJ_PATIENCE_US, "the end of the server");
    nj_streams_destroy(hub.streams);
    hub.streams = NULL;
    (void)nj_loop_turn(hub.loop);
    nj_http_server_destroy(server);
    nj_hub_finish(&hub);
    for (int i = 0; i < 2; i++)
        free(tagger.bytes[i]);
}

int source_snapshot_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_cameras_show_pictures),
        cmocka_unit_test(bad_cameras_say_why),
        cmocka_unit_test(names_that_hang_or_lead_astray_are_told),
        cmocka_unit_test(camera_that_comes_back_is_shown_again),
        cmocka_unit_test(users_with_their_own_intervals_share_one_poll),
        cmocka_unit_test(redirects_are_followed_within_the_rules),
        cmocka_unit_test(unverified_certificate_is_refused),
        cmocka_unit_test(unchanged_picture_is_asked_for_and_not_sent_again),
    };
    return cmocka_run_group_tests_name("source snapshot", tests, NULL, NULL);
}
