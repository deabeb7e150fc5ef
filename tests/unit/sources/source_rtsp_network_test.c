// SPDX-License-Identifier: Apache-2.0
// An RTSP camera over a bad network, broken between connecting and the first pictures: it is told
// in time, pictures come when the network is well, and no connection is left.
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/tcp_proxy.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

int source_rtsp_network_test(void);

enum {
    SOON_MS = 20000,
    CONNECT_US = 200 * NJ_US_PER_MS,
    SLACK_US = 2 * NJ_US_PER_S, // a machine under load
    RECONNECT_US = 10 * NJ_US_PER_MS,
    TO_CLIENT_MOST = 3000, // all answers, and some packets
    PICTURES = 3,
    POINTS = 7,
};

struct line {
    struct nj_test_camera *camera;
    struct nj_tcp_proxy *proxy;
    char url[NJ_TEST_CAMERA_URL_MAX];
};

// It was told that something is wrong, or came past the fault.
static bool is_decided(struct nj_hub_user *user, int pictures)
{
    return nj_hub_has_state(user, NJ_SOURCE_ERROR) || nj_hub_has_frames(user, pictures);
}

static void see_pictures(struct nj_hub_bench *hub, struct nj_hub_user *user,
                         const struct nj_proxy_rule *rule)
{
    struct nj_source_stats stats;
    char text[NJ_PROXY_TEXT_MAX];
    const int wanted = nj_hub_user_frames(user) + PICTURES;
    if (nj_hub_until(hub, nj_hub_has_frames, user, wanted, SOON_MS) &&
        nj_hub_until(hub, nj_hub_is_state, user, NJ_SOURCE_ACTIVE, SOON_MS))
        return;
    nj_stream_get_stats(user->user, &stats);
    fail_msg("%s: state %d, \"%s\"", nj_proxy_rule_text(rule, text), stats.state, stats.reason);
}

static void watch_over(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_error err = {0};
    char text[NJ_PROXY_TEXT_MAX];
    const struct nj_source_entry entry = {.id = "cam",
                                          .kind = NJ_SOURCE_RTSP,
                                          .url = line->url,
                                          .connect_timeout_us = CONNECT_US,
                                          .reconnect_us = RECONNECT_US,
                                          .max_retries = -1};
    nj_hub_init(&hub, true);
    nj_hub_user_init(&user);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    if (nj_hub_join(&hub, &entry, 0, &user, &err) != 0)
        fail_msg("%s", err.text);
    if (!nj_hub_until(&hub, is_decided, &user, PICTURES, SOON_MS) ||
        nj_mono_us(nj_clock_real()) - begun_us > CONNECT_US + SLACK_US)
        fail_msg("%s: nothing is told", nj_proxy_rule_text(rule, text));
    nj_tcp_proxy_heal(line->proxy);
    see_pictures(&hub, &user, rule);
    nj_hub_user_finish(&user);
    nj_hub_finish(&hub);
    nj_tcp_proxy_await_exactly(line->proxy, NJ_PROXY_OPEN, 0);
    assert_int_equal(
        nj_test_camera_wait_exactly(line->camera, NULL, NJ_TEST_CAMERA_CONNECTIONS_NOW, 0, SOON_MS),
        0);
}

static void camera_comes_back_however_the_network_breaks(void **state)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct line line;
    char file[NJ_TEMP_PATH_MAX];
    (void)state;
    assert_int_equal(nj_test_camera_create(&plain, &line.camera, NULL), 0);
    const struct nj_test_camera_mount mount = {
        .name = "cam", .file = nj_test_video("small", file), .speed = 16};
    assert_int_equal(nj_test_camera_add(line.camera, &mount, NULL), 0);
    line.proxy = nj_tcp_proxy_create(nj_test_camera_port(line.camera));
    (void)snprintf(line.url, sizeof line.url, "rtsp://127.0.0.1:%d/cam",
                   nj_tcp_proxy_port(line.proxy));
    const struct nj_proxy_sweep sweep = {.proxy = line.proxy,
                                         .trial = watch_over,
                                         .arg = &line,
                                         .most = {[NJ_PROXY_TO_CLIENT] = TO_CLIENT_MOST},
                                         .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
    nj_test_camera_destroy(line.camera);
}

int source_rtsp_network_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(camera_comes_back_however_the_network_breaks),
    };
    return cmocka_run_group_tests_name("source rtsp network", tests, NULL, NULL);
}
