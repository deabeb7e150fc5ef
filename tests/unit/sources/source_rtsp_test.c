// SPDX-License-Identifier: Apache-2.0
// RTSP cameras against a test camera with faults: what plays, what is refused, and what comes back.
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int source_rtsp_test(void);

enum { SOON_MS = 20000 };

struct scene {
    struct nj_test_camera *camera;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_source_entry entry;
    const struct nj_address_rules *rules;
    char url[NJ_TEST_CAMERA_URL_MAX];
    char file[NJ_TEMP_PATH_MAX];
};

static void add_mount(struct scene *scene, struct nj_test_camera_mount mount, const char *video)
{
    struct nj_error err = {0};
    mount.name = mount.name ? mount.name : "cam";
    mount.file = nj_test_video(video, scene->file);
    if (nj_test_camera_add(scene->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
}

static void open_scene(struct scene *scene, const struct nj_test_camera_options *options)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct nj_error err = {0};
    *scene = (struct scene){.camera = NULL};
    if (nj_test_camera_create(options ? options : &plain, &scene->camera, &err) != 0)
        fail_msg("%s", err.text);
    nj_hub_init(&scene->hub, true);
    nj_hub_user_init(&scene->user);
    scene->entry = (struct nj_source_entry){.id = "cam",
                                            .kind = NJ_SOURCE_RTSP,
                                            .url = scene->url,
                                            .username = "",
                                            .password = "",
                                            .reconnect_us = 100 * NJ_US_PER_MS,
                                            .max_retries = -1};
}

static void close_scene(struct scene *scene)
{
    nj_hub_user_finish(&scene->user);
    nj_hub_finish(&scene->hub);
    nj_test_camera_destroy(scene->camera);
}

static void join_at(struct scene *scene, const char *credentials, double fps)
{
    struct nj_error err = {0};
    nj_test_camera_url(scene->camera, "rtsp", "cam", credentials, scene->url);
    scene->hub.rules = scene->rules;
    if (nj_hub_join(&scene->hub, &scene->entry, fps, &scene->user, &err) != 0)
        fail_msg("%s", err.text);
}

static void join(struct scene *scene, const char *credentials)
{
    join_at(scene, credentials, 0);
}

static void wait_frames(struct scene *scene, int more)
{
    int frames = nj_hub_user_frames(&scene->user) + more;
    if (nj_hub_until(&scene->hub, nj_hub_has_frames, &scene->user, frames, SOON_MS))
        return;
    struct nj_source_stats stats;
    nj_stream_get_stats(scene->user.user, &stats);
    fail_msg("%d frames, state %d: %s", nj_hub_user_frames(&scene->user), stats.state,
             stats.reason);
}

static void good_cameras_play(void **state)
{
    static const struct {
        const char *video, *credentials;
        struct nj_test_camera_mount mount;
    } cases[] = {
        {"small", NULL, {.speed = 16}},
        {"small-b", NULL, {.speed = 16}},
        {"small-audio", NULL, {.speed = 16, .audio = NJ_TEST_CAMERA_AAC}},
        {"small", NULL, {.speed = 16, .audio = NJ_TEST_CAMERA_PCMU}},
        {"small", "u:p", {.speed = 16, .auth = NJ_TEST_CAMERA_BASIC, .user = "u", .password = "p"}},
        {"small",
         "u:p%40%2F:",
         {.speed = 16, .auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "p@/:"}},
        {"small",
         "u:p",
         {.speed = 16, .auth = NJ_TEST_CAMERA_DIGEST_QOP, .user = "u", .password = "p"}},
        {"small",
         "u:p",
         {.speed = 16, .auth = NJ_TEST_CAMERA_DIGEST_SHA256, .user = "u", .password = "p"}},
        {"small", NULL, {.speed = 16, .faults = {.sdp = NJ_TEST_CAMERA_SDP_NO_SPROP}}},
        {"small", NULL, {.speed = 16, .faults = {.sdp = NJ_TEST_CAMERA_SDP_BAD_SPROP}}},
        {"small", NULL, {.speed = 16, .faults = {.sdp = NJ_TEST_CAMERA_SDP_HUGE}}},
        {"small", NULL, {.speed = 16, .faults = {.join_mid_gop = true}}},
        {"small", NULL, {.speed = 16, .faults = {.lose_every = 40}}},
        {"small", NULL, {.speed = 16, .faults = {.corrupt_every = 40}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct nj_source_stats stats;
        open_scene(&scene, NULL);
        add_mount(&scene, cases[i].mount, cases[i].video);
        join(&scene, cases[i].credentials);
        wait_frames(&scene, 40);
        nj_stream_get_stats(scene.user.user, &stats);
        assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
        assert_int_equal(stats.restarts, 0);
        assert_true(stats.fps > 1);
        assert_true(stats.width > 0 && nj_hub_has_width(&scene.user, stats.width));
        close_scene(&scene);
    }
}

// With its last packet, and not with the first one of the next picture: that is seconds away here.
static void picture_is_there_before_the_next_one_is_sent(void **state)
{
    struct scene scene;
    struct nj_test_camera_stats stats;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 0.02}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 1);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &stats), 0);
    assert_int_equal(stats.frames, 1);
    close_scene(&scene);
}

// Each case is refused, and the state says why.
static void bad_cameras_say_why(void **state)
{
    static const struct {
        const char *credentials, *word;
        struct nj_test_camera_mount mount;
    } cases[] = {
        {NULL, "401", {.auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "secret"}},
        {"u:wrong", "401", {.auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "secret"}},
        {NULL, "404", {.faults = {.describe_status = 404}}},
        {NULL, "5xx", {.faults = {.describe_status = 503}}},
        {NULL, "TCP", {.faults = {.setup_status = 461}}},
        {NULL, "", {.faults = {.sdp = NJ_TEST_CAMERA_SDP_EMPTY}}},
        {NULL, "", {.faults = {.sdp = NJ_TEST_CAMERA_SDP_GARBAGE}}},
        {NULL, "", {.faults = {.sdp = NJ_TEST_CAMERA_SDP_HTML}}},
        {NULL, "video", {.faults = {.sdp = NJ_TEST_CAMERA_SDP_NO_VIDEO}}},
        {NULL,
         "no decoder for the camera's video (NOBODYS-CODEC/90000)",
         {.faults = {.sdp = NJ_TEST_CAMERA_SDP_UNKNOWN_CODEC}}},
        {NULL, "no picture", {.faults = {.sdp = NJ_TEST_CAMERA_SDP_WRONG_PAYLOAD}}},
        {NULL, "no picture", {.faults = {.answer_delay_ms = NJ_TEST_CAMERA_NEVER}}},
        {NULL, "no picture", {.faults = {.frozen = true}}},
        {NULL, "metadata", {.redirect_to = "rtsp://169.254.169.254/latest"}},
        {NULL, "", {.redirect_to = "file:///etc/passwd"}},
        {NULL, "", {.redirect_to = "rtsp://"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct nj_source_stats stats;
        open_scene(&scene, NULL);
        scene.entry.max_retries = 0;
        scene.entry.connect_timeout_us = 800 * NJ_US_PER_MS;
        add_mount(&scene, cases[i].mount, "small");
        join(&scene, cases[i].credentials);
        bool failed =
            nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_FAILED, SOON_MS);
        nj_stream_get_stats(scene.user.user, &stats);
        if (!failed || !strstr(stats.reason, cases[i].word) || strstr(stats.reason, "secret") ||
            strstr(stats.reason, "wrong"))
            fail_msg("case %zu: state %d, %llu frames, \"%s\" instead of %s", i, stats.state,
                     (unsigned long long)stats.frames, stats.reason, cases[i].word);
        assert_int_equal(nj_hub_user_frames(&scene.user), 0);
        assert_string_equal(stats.last_error, stats.reason);
        // A login that the camera refuses is no address that we do not allow.
        bool denied =
            strcmp(cases[i].word, "metadata") == 0 ||
            (cases[i].mount.redirect_to && !strncmp(cases[i].mount.redirect_to, "file", 4));
        assert_int_equal(stats.code == NJ_E_DENIED, denied);
        close_scene(&scene);
    }
}

static void redirect_is_followed_within_the_rules(void **state)
{
    static const struct nj_address_rules loopback = {.loopback = true};
    char target[NJ_TEST_CAMERA_URL_MAX];
    const struct nj_test_camera_mount open = {.name = "target", .speed = 16};
    struct nj_test_camera_mount moved = {
        .redirect_to = target, .auth = NJ_TEST_CAMERA_OPEN, .speed = 16};
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, open, "small");
    nj_test_camera_url(scene.camera, "rtsp", "target", NULL, target);
    add_mount(&scene, moved, "small");
    scene.rules = &loopback;
    join(&scene, NULL);
    wait_frames(&scene, 5);
    close_scene(&scene);
}

static void redirect_to_what_the_rules_forbid_gets_no_word(void **state)
{
    static const char *const first[] = {"127.0.0.1"};
    static const struct nj_address_rules first_only = {.allowed = {first, 1}, .group = "site"};
    static const struct nj_test_camera_options six = {.host = "::1"};
    struct nj_test_camera *other = NULL;
    char target[NJ_TEST_CAMERA_URL_MAX], file[NJ_TEMP_PATH_MAX];
    struct nj_test_camera_stats stats;
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    assert_int_equal(nj_test_camera_create(&six, &other, NULL), 0);
    const struct nj_test_camera_mount open = {.name = "target",
                                              .file = nj_test_video("small", file)};
    assert_int_equal(nj_test_camera_add(other, &open, NULL), 0);
    nj_test_camera_url(other, "rtsp", "target", NULL, target);
    add_mount(&scene, (struct nj_test_camera_mount){.redirect_to = target}, "small");
    scene.rules = &first_only;
    join(&scene, NULL);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_non_null(strstr(scene.user.state.reason, "(site.allow_loopback or"));
    assert_int_equal(nj_test_camera_get_stats(other, NULL, &stats), 0);
    assert_int_equal(stats.describes + stats.plays, 0);
    close_scene(&scene);
    nj_test_camera_destroy(other);
}

static void login_does_not_follow_to_another_host(void **state)
{
    static const struct nj_test_camera_options six = {.host = "::1"};
    struct nj_test_camera *other = NULL;
    char target[NJ_TEST_CAMERA_URL_MAX], file[NJ_TEMP_PATH_MAX];
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    assert_int_equal(nj_test_camera_create(&six, &other, NULL), 0);
    const struct nj_test_camera_mount locked = {.name = "target",
                                                .file = nj_test_video("small", file),
                                                .auth = NJ_TEST_CAMERA_BASIC,
                                                .user = "u",
                                                .password = "p"};
    assert_int_equal(nj_test_camera_add(other, &locked, NULL), 0);
    nj_test_camera_url(other, "rtsp", "target", NULL, target);
    add_mount(&scene, (struct nj_test_camera_mount){.redirect_to = target}, "small");
    join(&scene, "u:p"); // which would open the other one, too
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_non_null(strstr(scene.user.state.reason, "401"));
    close_scene(&scene);
    nj_test_camera_destroy(other);
}

static void endless_redirects_end(void **state)
{
    struct scene scene;
    char self[NJ_TEST_CAMERA_URL_MAX];
    (void)state;
    open_scene(&scene, NULL);
    nj_test_camera_url(scene.camera, "rtsp", "cam", NULL, self);
    add_mount(&scene, (struct nj_test_camera_mount){.redirect_to = self}, "small");
    join(&scene, NULL);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_non_null(strstr(scene.user.state.reason, "redirects"));
    close_scene(&scene);
}

static void six_and_tls_play(void **state)
{
    static const struct {
        struct nj_test_camera_options options;
        const char *scheme, *word;
        bool verify;
    } cases[] = {
        {{.host = "::1"}, "rtsp", NULL, true},
        {{.tls = true}, "rtsps", NULL, false},
        {{.tls = true}, "rtsps", "tls_verify", true}, // signed by itself
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        open_scene(&scene, &cases[i].options);
        add_mount(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
        scene.entry.tls_verify = cases[i].verify;
        nj_test_camera_url(scene.camera, cases[i].scheme, "cam", NULL, scene.url);
        assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &scene.user, NULL), 0);
        if (cases[i].word) {
            assert_true(
                nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
            assert_non_null(strstr(scene.user.state.reason, cases[i].word));
        } else {
            wait_frames(&scene, 5);
        }
        close_scene(&scene);
    }
}

static void frozen_camera_is_noticed_and_comes_back(void **state)
{
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.audio = NJ_TEST_CAMERA_PCMU}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 5);
    assert_int_equal(nj_test_camera_freeze(scene.camera, "cam", true), 0);
    nj_us frozen_us = nj_mono_us(nj_clock_real());
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    nj_us noticed_us = nj_mono_us(nj_clock_real()) - frozen_us;
    assert_true(noticed_us >= 2500 * NJ_US_PER_MS && noticed_us < 4500 * NJ_US_PER_MS);
    assert_non_null(strstr(scene.user.state.reason, "frozen, no picture for 3."));
    int resets = nj_hub_user_resets(&scene.user);
    assert_int_equal(nj_test_camera_freeze(scene.camera, "cam", false), 0);
    wait_frames(&scene, 5);
    assert_true(nj_hub_user_resets(&scene.user) > resets);
    close_scene(&scene);
}

static void dropped_and_rebooted_camera_comes_back(void **state)
{
    struct scene scene;
    struct nj_source_stats stats;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 5);
    assert_int_equal(nj_test_camera_drop(scene.camera, "cam"), 0);
    // Pictures may come of what was under way before.
    assert_int_equal(nj_test_camera_wait(scene.camera, "cam", NJ_TEST_CAMERA_PLAYS, 2, SOON_MS), 0);
    wait_frames(&scene, 10);
    assert_int_equal(nj_test_camera_reboot(scene.camera, NULL, 300), 0);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    wait_frames(&scene, 5);
    nj_stream_get_stats(scene.user.user, &stats);
    assert_true(stats.restarts >= 2);
    assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
    assert_string_equal(stats.reason, "");
    assert_true(stats.last_error[0] != '\0' && stats.last_error_us > 0); // told afterwards, too
    close_scene(&scene);
}

static void picture_may_change_its_size(void **state)
{
    struct scene scene;
    struct nj_source_stats stats;
    char wide[NJ_TEMP_PATH_MAX];
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 5);
    nj_stream_get_stats(scene.user.user, &stats);
    int width = stats.width, resets = nj_hub_user_resets(&scene.user);
    assert_int_equal(
        nj_test_camera_switch(scene.camera, "cam", nj_test_video("small-wide", wide), NULL), 0);
    nj_us until_us = nj_mono_us(nj_clock_real()) + SOON_MS * (nj_us)NJ_US_PER_MS;
    while (stats.width == width && nj_mono_us(nj_clock_real()) < until_us) {
        wait_frames(&scene, 1);
        nj_stream_get_stats(scene.user.user, &stats);
    }
    assert_int_not_equal(stats.width, width);
    wait_frames(&scene, 5);
    assert_true(nj_hub_user_resets(&scene.user) > resets);
    close_scene(&scene);
}

static void one_connection_serves_all_users(void **state)
{
    struct scene scene;
    struct nj_hub_user more[2];
    struct nj_test_camera_stats stats;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
    join(&scene, NULL);
    for (int i = 0; i < 2; i++) {
        nj_hub_user_init(&more[i]);
        assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 5, &more[i], NULL), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_true(nj_hub_until(&scene.hub, nj_hub_has_frames, &more[i], 3, SOON_MS));
    for (int i = 0; i < 2; i++)
        nj_hub_user_finish(&more[i]);
    wait_frames(&scene, 2);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &stats), 0);
    assert_int_equal(stats.connections_ever, 1);
    close_scene(&scene);
}

static void users_with_other_rules_share_the_connection(void **state)
{
    static const struct nj_address_rules strict = {.private_networks = true};
    static const char *const own[] = {"LOCALHOST"};
    static const struct nj_address_rules lax = {.allowed = {own, 1}};
    struct scene scene;
    struct nj_hub_user other, late;
    struct nj_error err = {0};
    char digits[NJ_TEST_CAMERA_URL_MAX];
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
    nj_hub_user_init(&other);
    scene.hub.rules = &strict;
    nj_test_camera_url(scene.camera, "rtsp", "cam", NULL, digits);
    scene.entry.url = digits; // refused at once: nothing has to be asked for
    assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &other, &err), NJ_E_DENIED);
    assert_non_null(strstr(err.text, "allow_loopback"));
    assert_int_equal(nj_hub_count(&scene.hub), 0);
    (void)snprintf(scene.url, sizeof scene.url, "rtsp://localhost:%d/cam",
                   nj_test_camera_port(scene.camera));
    scene.entry.url = scene.url; // a name, which is judged where it leads
    assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &scene.user, NULL), 0);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    scene.hub.rules = &lax;
    assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &other, NULL), 0);
    assert_int_equal(nj_hub_count(&scene.hub), 1);
    wait_frames(&scene, 3);
    // Who allows less by name gets no picture of what others opened.
    scene.hub.rules = &strict;
    nj_hub_user_init(&late);
    assert_int_equal(nj_hub_join(&scene.hub, &scene.entry, 0, &late, NULL), 0);
    assert_int_equal(nj_hub_count(&scene.hub), 2);
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &late, NJ_SOURCE_ERROR, SOON_MS));
    assert_int_equal(nj_hub_user_frames(&late), 0);
    nj_hub_user_finish(&late);
    nj_hub_user_finish(&other);
    close_scene(&scene);
}

static void still_scene_decodes_keyframes_alone_until_something_moves(void **state)
{
    struct scene scene;
    struct nj_source_stats stats;
    (void)state;
    open_scene(&scene, NULL);
    scene.entry.keyframes_when_still = true;
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 4}, "small-still");
    join(&scene, NULL);
    wait_frames(&scene, 20);
    struct nj_test_camera_stats before, after;
    nj_stream_set_still(scene.user.user, true);
    wait_frames(&scene, 1); // may have been under way
    nj_stream_get_stats(scene.user.user, &stats);
    uint64_t decoded = stats.frames;
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &before), 0);
    wait_frames(&scene, 3);
    nj_stream_get_stats(scene.user.user, &stats);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &after), 0);
    int64_t sent = after.frames - before.frames;
    if (sent < 4 * (int64_t)(stats.frames - decoded))
        fail_msg("%lld sent, %llu decoded", (long long)sent,
                 (unsigned long long)(stats.frames - decoded));
    nj_stream_set_still(scene.user.user, false);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &before), 0);
    wait_frames(&scene, 20); // at once, not with the next keyframe
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &after), 0);
    assert_true(after.frames - before.frames < 40);
    close_scene(&scene);
}

static void session_is_kept_alive(void **state)
{
    struct scene scene;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.session_timeout_s = 1}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 15);
    assert_int_equal(
        nj_test_camera_wait(scene.camera, "cam", NJ_TEST_CAMERA_KEEPALIVES, 2, SOON_MS), 0);
    close_scene(&scene);
}

static void place_at_the_camera_is_given_back(void **state)
{
    struct scene scene;
    struct nj_test_camera_stats stats;
    (void)state;
    open_scene(&scene, NULL);
    add_mount(&scene, (struct nj_test_camera_mount){.speed = 4}, "small");
    join(&scene, NULL);
    wait_frames(&scene, 2);
    nj_hub_leave(&scene.user);
    nj_hub_finish(&scene.hub);
    assert_int_equal(
        nj_test_camera_wait_exactly(scene.camera, "cam", NJ_TEST_CAMERA_PLAYING_NOW, 0, SOON_MS),
        0);
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &stats), 0);
    assert_int_equal(stats.teardowns, 1);
    nj_hub_init(&scene.hub, true);
    close_scene(&scene);
}

// Four groups of fifteen pictures a second; whoever wants four pictures a second gets the
// keyframes.
static void what_lies_between_wanted_pictures_is_not_decoded(void **state)
{
    static const char *const videos[] = {"small", "small-b"};
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(videos); i++) {
        struct scene scene;
        struct nj_source_stats before, after;
        open_scene(&scene, NULL);
        add_mount(&scene, (struct nj_test_camera_mount){.speed = 4}, videos[i]);
        join_at(&scene, NULL, 4);
        wait_frames(&scene, 6); // until the rhythm of keyframes is known
        nj_stream_get_stats(scene.user.user, &before);
        wait_frames(&scene, 8);
        nj_stream_get_stats(scene.user.user, &after);
        const uint64_t came = after.frames - before.frames;
        const uint64_t decoded = after.decoded - before.decoded;
        if (came < 60 || decoded * 2 > came)
            fail_msg("%s: %llu came, %llu decoded", videos[i], (unsigned long long)came,
                     (unsigned long long)decoded);
        close_scene(&scene);
    }
}

int source_rtsp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_cameras_play),
        cmocka_unit_test(picture_is_there_before_the_next_one_is_sent),
        cmocka_unit_test(bad_cameras_say_why),
        cmocka_unit_test(redirect_is_followed_within_the_rules),
        cmocka_unit_test(redirect_to_what_the_rules_forbid_gets_no_word),
        cmocka_unit_test(login_does_not_follow_to_another_host),
        cmocka_unit_test(endless_redirects_end),
        cmocka_unit_test(six_and_tls_play),
        cmocka_unit_test(frozen_camera_is_noticed_and_comes_back),
        cmocka_unit_test(dropped_and_rebooted_camera_comes_back),
        cmocka_unit_test(picture_may_change_its_size),
        cmocka_unit_test(one_connection_serves_all_users),
        cmocka_unit_test(users_with_other_rules_share_the_connection),
        cmocka_unit_test(session_is_kept_alive),
        cmocka_unit_test(place_at_the_camera_is_given_back),
        cmocka_unit_test(what_lies_between_wanted_pictures_is_not_decoded),
        cmocka_unit_test(still_scene_decodes_keyframes_alone_until_something_moves),
    };
    return cmocka_run_group_tests_name("source rtsp", tests, NULL, NULL);
}
