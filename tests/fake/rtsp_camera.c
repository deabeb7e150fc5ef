// SPDX-License-Identifier: Apache-2.0
// The test camera's life, its mounts and its addresses.
#include "tests/fake/rtsp_camera_priv.h"

#include "loop/thread.h"
#include "util/digest.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void camera_free(struct nj_test_camera *camera)
{
    for (size_t i = 0; i < NJ_TEST_CAMERA_MOUNTS_MAX; i++) {
        if (camera->mounts[i])
            camera_media_unref(camera->mounts[i]->media);
        free(camera->mounts[i]);
    }
    camera_listener_close(&camera->plain);
    camera_listener_close(&camera->secure);
    SSL_CTX_free(camera->tls);
    nj_test_certificate_finish(&camera->certificate);
    if (camera->wake_fd >= 0)
        close(camera->wake_fd);
    pthread_cond_destroy(&camera->changed);
    pthread_mutex_destroy(&camera->mutex);
    free(camera);
}

static int camera_open(struct nj_test_camera *camera, const struct nj_test_camera_options *options,
                       struct nj_error *err)
{
    if (camera->wake_fd < 0 || nj_random_hex(camera->nonce, (CAMERA_NONCE_SIZE - 1) / 2))
        return nj_error_set(err, NJ_E_IO, "the test camera gets no event descriptor");
    int code = camera_listener_open(camera, &camera->plain, options->port, err);
    if (!code && options->tls)
        code = camera_tls_init(camera, err);
    if (!code && options->tls)
        code = camera_listener_open(camera, &camera->secure, 0, err);
    if (!code)
        code = nj_thread_start(&camera->thread, "test camera", camera_run, camera, err);
    return code;
}

int nj_test_camera_create(const struct nj_test_camera_options *options, struct nj_test_camera **out,
                          struct nj_error *err)
{
    struct nj_test_camera *camera = calloc(1, sizeof(*camera));
    if (!camera)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a test camera");
    pthread_mutex_init(&camera->mutex, NULL);
    nj_cond_init(&camera->changed);
    nj_list_init(&camera->conns);
    camera->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    camera->plain = camera->secure = (struct camera_listener){-1, -1, 0};
    nj_text_copy(camera->host, sizeof(camera->host), options->host ? options->host : "127.0.0.1");
    int code = camera_open(camera, options, err);
    if (code)
        camera_free(camera);
    else
        *out = camera;
    return code;
}

void nj_test_camera_destroy(struct nj_test_camera *camera)
{
    if (!camera)
        return;
    pthread_mutex_lock(&camera->mutex);
    camera->stopping = true;
    camera_wake(camera);
    pthread_mutex_unlock(&camera->mutex);
    nj_thread_join(camera->thread);
    camera_free(camera);
}

struct camera_mount *camera_find(struct nj_test_camera *camera, const char *name)
{
    for (size_t i = 0; name && i < NJ_TEST_CAMERA_MOUNTS_MAX; i++)
        if (camera->mounts[i] && !strcmp(camera->mounts[i]->name, name))
            return camera->mounts[i];
    return NULL;
}

static int put_mount(struct nj_test_camera *camera, struct camera_mount *mount,
                     struct nj_error *err)
{
    if (camera_find(camera, mount->name))
        return nj_error_set(err, NJ_E_EXISTS, "a mount %s exists", mount->name);
    for (size_t i = 0; i < NJ_TEST_CAMERA_MOUNTS_MAX; i++)
        if (!camera->mounts[i]) {
            camera->mounts[i] = mount;
            return 0;
        }
    return nj_error_set(err, NJ_E_FULL, "all %d mounts are in use", NJ_TEST_CAMERA_MOUNTS_MAX);
}

static void copy_texts(struct camera_mount *mount, const struct nj_test_camera_mount *from)
{
    nj_text_copy(mount->name, sizeof(mount->name), from->name);
    nj_text_copy(mount->user, sizeof(mount->user), from->user ? from->user : "");
    nj_text_copy(mount->password, sizeof(mount->password), from->password ? from->password : "");
    mount->session_timeout_s = from->session_timeout_s;
    nj_text_copy(mount->redirect_to, sizeof(mount->redirect_to),
                 from->redirect_to ? from->redirect_to : "");
}

int nj_test_camera_add(struct nj_test_camera *camera, const struct nj_test_camera_mount *from,
                       struct nj_error *err)
{
    struct camera_mount *mount = calloc(1, sizeof(*mount));
    if (!mount)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a mount");
    copy_texts(mount, from);
    mount->speed = from->unpaced ? 0 : from->speed > 0 ? from->speed : 1;
    mount->snapshots = from->snapshots;
    mount->audio = from->audio;
    mount->auth = from->auth;
    mount->faults = from->faults;
    int code = camera_media_load(from->file, from->snapshots, &mount->media, err);
    if (!code && mount->audio == NJ_TEST_CAMERA_AAC && !mount->media->sound_count)
        code = nj_error_set(err, NJ_E_UNSUPPORTED, "%s has no AAC track", from->file);
    if (!code) {
        pthread_mutex_lock(&camera->mutex);
        code = put_mount(camera, mount, err);
        pthread_mutex_unlock(&camera->mutex);
    }
    if (code) {
        camera_media_unref(mount->media);
        free(mount);
    }
    return code;
}

int nj_test_camera_port(const struct nj_test_camera *camera)
{
    return camera->plain.port;
}

int nj_test_camera_tls_port(const struct nj_test_camera *camera)
{
    return camera->secure.port;
}

const char *nj_test_camera_url(const struct nj_test_camera *camera, const char *scheme,
                               const char *name, const char *credentials, char *out)
{
    bool six = strchr(camera->host, ':') != NULL;
    bool secure = scheme[strlen(scheme) - 1] == 's';
    bool http = scheme[0] == 'h';
    snprintf(out, NJ_TEST_CAMERA_URL_MAX, "%s://%s%s%s%s%s:%d%s%s%s", scheme,
             credentials ? credentials : "", credentials ? "@" : "", six ? "[" : "", camera->host,
             six ? "]" : "", secure ? camera->secure.port : camera->plain.port,
             http ? "/snapshot/" : "/", name, http ? ".jpg" : "");
    return out;
}
