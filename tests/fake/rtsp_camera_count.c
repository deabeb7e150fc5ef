// SPDX-License-Identifier: Apache-2.0
// The test camera's counts, and waiting for them.
#include "tests/fake/rtsp_camera_priv.h"

#include "loop/thread.h"

static const struct nj_test_camera_stats *find_stats(struct nj_test_camera *camera,
                                                     const char *name)
{
    if (!name)
        return &camera->stats;
    const struct camera_mount *mount = camera_find(camera, name);
    return mount ? &mount->stats : NULL;
}

int nj_test_camera_get_stats(struct nj_test_camera *camera, const char *name,
                             struct nj_test_camera_stats *out)
{
    pthread_mutex_lock(&camera->mutex);
    const struct nj_test_camera_stats *stats = find_stats(camera, name);
    if (stats)
        *out = *stats;
    pthread_mutex_unlock(&camera->mutex);
    return stats ? 0 : NJ_E_NOT_FOUND;
}

static int64_t count_of(const struct nj_test_camera_stats *stats, enum nj_test_camera_count count)
{
    switch (count) {
    case NJ_TEST_CAMERA_CONNECTIONS_NOW:
        return stats->connections_now;
    case NJ_TEST_CAMERA_CONNECTIONS_EVER:
        return stats->connections_ever;
    case NJ_TEST_CAMERA_PLAYING_NOW:
        return stats->playing_now;
    case NJ_TEST_CAMERA_DESCRIBES:
        return stats->describes;
    case NJ_TEST_CAMERA_PLAYS:
        return stats->plays;
    case NJ_TEST_CAMERA_KEEPALIVES:
        return stats->keepalives;
    case NJ_TEST_CAMERA_UNAUTHORIZED:
        return stats->unauthorized;
    case NJ_TEST_CAMERA_SNAPSHOTS:
        return stats->snapshots;
    case NJ_TEST_CAMERA_FRAMES:
        return stats->frames;
    }
    return -1;
}

static int wait_for(struct nj_test_camera *camera, const char *name,
                    enum nj_test_camera_count count, int64_t low, int64_t high, int timeout_ms)
{
    nj_us deadline = camera_now_us() + (nj_us)timeout_ms * NJ_US_PER_MS;
    int code = NJ_E_AGAIN;
    pthread_mutex_lock(&camera->mutex);
    while (code == NJ_E_AGAIN) {
        const struct nj_test_camera_stats *stats = find_stats(camera, name);
        int64_t value = stats ? count_of(stats, count) : 0;
        nj_us left = deadline - camera_now_us();
        if (!stats)
            code = NJ_E_NOT_FOUND;
        else if (value >= low && value <= high)
            code = 0;
        else if (left <= 0)
            code = NJ_E_TIMEOUT;
        else
            (void)nj_cond_wait(&camera->changed, &camera->mutex, left);
    }
    pthread_mutex_unlock(&camera->mutex);
    return code;
}

int nj_test_camera_wait(struct nj_test_camera *camera, const char *name,
                        enum nj_test_camera_count count, int64_t at_least, int timeout_ms)
{
    return wait_for(camera, name, count, at_least, INT64_MAX, timeout_ms);
}

int nj_test_camera_wait_exactly(struct nj_test_camera *camera, const char *name,
                                enum nj_test_camera_count count, int64_t value, int timeout_ms)
{
    return wait_for(camera, name, count, value, value, timeout_ms);
}
