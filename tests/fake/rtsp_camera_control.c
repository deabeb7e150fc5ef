// SPDX-License-Identifier: Apache-2.0
// What a test does to the camera while it runs.
#include "tests/fake/rtsp_camera_priv.h"

#include "util/digest.h"
#include "util/text.h"

#include <stdlib.h>

static void lock(struct nj_test_camera *camera)
{
    pthread_mutex_lock(&camera->mutex);
}

static int unlock(struct nj_test_camera *camera, int code)
{
    camera_wake(camera);
    pthread_mutex_unlock(&camera->mutex);
    return code;
}

// The connections of `mount`, or all with NULL. The camera is locked.
static void kill_conns(struct nj_test_camera *camera, const struct camera_mount *mount)
{
    for (struct nj_list *node = camera->conns.next; node != &camera->conns; node = node->next) {
        struct camera_conn *conn = NJ_CONTAINER_OF(node, struct camera_conn, node);
        if (!mount || conn->mount == mount)
            camera_conn_kill(conn);
    }
}

int nj_test_camera_remove(struct nj_test_camera *camera, const char *name)
{
    lock(camera);
    struct camera_mount *mount = camera_find(camera, name);
    if (!mount)
        return unlock(camera, NJ_E_NOT_FOUND);
    kill_conns(camera, mount);
    for (size_t i = 0; i < NJ_TEST_CAMERA_MOUNTS_MAX; i++)
        if (camera->mounts[i] == mount)
            camera->mounts[i] = NULL;
    camera_media_unref(mount->media);
    free(mount);
    return unlock(camera, 0);
}

static void apply_freeze(struct nj_test_camera *camera, const struct camera_mount *mount)
{
    for (struct nj_list *node = camera->conns.next; node != &camera->conns; node = node->next) {
        struct camera_conn *conn = NJ_CONTAINER_OF(node, struct camera_conn, node);
        if (conn->mount == mount && conn->session.playing)
            camera_play_freeze(conn, mount->faults.frozen);
    }
}

int nj_test_camera_set_faults(struct nj_test_camera *camera, const char *name,
                              const struct nj_test_camera_faults *faults)
{
    lock(camera);
    struct camera_mount *mount = camera_find(camera, name);
    if (!mount)
        return unlock(camera, NJ_E_NOT_FOUND);
    mount->faults = *faults;
    apply_freeze(camera, mount);
    return unlock(camera, 0);
}

int nj_test_camera_get_faults(struct nj_test_camera *camera, const char *name,
                              struct nj_test_camera_faults *out)
{
    lock(camera);
    const struct camera_mount *mount = camera_find(camera, name);
    if (mount)
        *out = mount->faults;
    return unlock(camera, mount ? 0 : NJ_E_NOT_FOUND);
}

int nj_test_camera_freeze(struct nj_test_camera *camera, const char *name, bool frozen)
{
    lock(camera);
    struct camera_mount *mount = camera_find(camera, name);
    if (!mount)
        return unlock(camera, NJ_E_NOT_FOUND);
    mount->faults.frozen = frozen;
    apply_freeze(camera, mount);
    return unlock(camera, 0);
}

int nj_test_camera_drop(struct nj_test_camera *camera, const char *name)
{
    return name ? nj_test_camera_reboot(camera, name, 0) : NJ_E_NOT_FOUND;
}

int nj_test_camera_reboot(struct nj_test_camera *camera, const char *name, int down_ms)
{
    lock(camera);
    struct camera_mount *mount = name ? camera_find(camera, name) : NULL;
    if (name && !mount)
        return unlock(camera, NJ_E_NOT_FOUND);
    nj_us until = camera_now_us() + (nj_us)down_ms * NJ_US_PER_MS;
    if (mount) {
        mount->down_until = until;
    } else {
        camera->down_until = until;
        camera_listener_deafen(&camera->plain);
        camera_listener_deafen(&camera->secure);
    }
    kill_conns(camera, mount);
    return unlock(camera, 0);
}

int nj_test_camera_switch(struct nj_test_camera *camera, const char *name, const char *file,
                          struct nj_error *err)
{
    lock(camera);
    struct camera_mount *mount = camera_find(camera, name);
    bool pictures = mount && mount->snapshots;
    unlock(camera, 0);
    struct camera_media *media;
    int code = camera_media_load(file, pictures, &media, err);
    if (code)
        return code;
    lock(camera);
    mount = camera_find(camera, name);
    if (!mount) {
        camera_media_unref(media);
        return unlock(camera, nj_error_set(err, NJ_E_NOT_FOUND, "no mount %s", name));
    }
    camera_media_unref(mount->media);
    mount->media = media;
    for (struct nj_list *node = camera->conns.next; node != &camera->conns; node = node->next) {
        struct camera_conn *conn = NJ_CONTAINER_OF(node, struct camera_conn, node);
        if (conn->mount == mount && conn->session.playing)
            camera_play_switch(conn);
    }
    return unlock(camera, 0);
}

int nj_test_camera_redirect(struct nj_test_camera *camera, const char *name, const char *location)
{
    lock(camera);
    struct camera_mount *mount = camera_find(camera, name);
    if (mount)
        nj_text_copy(mount->redirect_to, sizeof(mount->redirect_to), location ? location : "");
    return unlock(camera, mount ? 0 : NJ_E_NOT_FOUND);
}

void nj_test_camera_renew_nonce(struct nj_test_camera *camera)
{
    lock(camera);
    (void)nj_random_hex(camera->nonce, (CAMERA_NONCE_SIZE - 1) / 2);
    unlock(camera, 0);
}
