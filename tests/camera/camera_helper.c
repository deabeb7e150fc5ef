// SPDX-License-Identifier: Apache-2.0
// What the tests of the test camera share.
#include "tests/camera/camera_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct nj_test_camera *camera_start(const char *host)
{
    const struct nj_test_camera_options options = {.host = host, .tls = true};
    struct nj_test_camera *camera = NULL;
    struct nj_error err = {0};
    if (nj_test_camera_create(&options, &camera, &err))
        fail_msg("%s", err.text);
    return camera;
}

void camera_add(struct nj_test_camera *camera, struct nj_test_camera_mount mount)
{
    char file[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    mount.file = nj_test_video(mount.file, file);
    if (nj_test_camera_add(camera, &mount, &err))
        fail_msg("%s", err.text);
}

struct av_client *camera_open(struct nj_test_camera *camera, const char *name)
{
    char url[NJ_TEST_CAMERA_URL_MAX];
    int error = 0;
    struct av_client *client =
        av_client_open(nj_test_camera_url(camera, "rtsp", name, NULL, url), CAMERA_WAIT_MS, &error);
    if (!client)
        fail_msg("%s cannot be opened: %d", url, error);
    return client;
}

int camera_open_error(struct nj_test_camera *camera, const char *name, const char *credentials,
                      int timeout_ms)
{
    char url[NJ_TEST_CAMERA_URL_MAX];
    int error = 0;
    av_client_close(av_client_open(nj_test_camera_url(camera, "rtsp", name, credentials, url),
                                   timeout_ms, &error));
    return error < 0 ? error : 0;
}

struct nj_test_camera_stats camera_stats(struct nj_test_camera *camera, const char *name)
{
    struct nj_test_camera_stats stats;
    assert_int_equal(nj_test_camera_get_stats(camera, name, &stats), 0);
    return stats;
}
