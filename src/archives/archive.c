// SPDX-License-Identifier: Apache-2.0
// Opening archives: unpacked once per content, read from the cache after.
#include "archives/archive.h"

#include "detect/model.h"
#include "archives/archive_priv.h"
#include "archives/spec_priv.h"
#include "util/file.h"
#include "util/mem.h"
#include "util/ref.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HOLD_TRIES = 3,                    // between unpacking and holding a sweep may come
    MANIFEST_BYTES_MAX = 256 * 1024,   // as of the registry
    ROOM_LEFT_BYTES = 64 * 1024 * 1024 // stays free on the disk
};

struct archive {
    struct nj_archive shared; // first: what others see
    struct nj_ref ref;
    struct nj_cache_hold hold;
};

// What one node's check needs.
struct model_check {
    struct nj_archive *archive;
    struct nj_error *err;
};

static bool is_file(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

// "folder/stem<suffix>" of a model file.
static int path_of(const struct nj_archive *archive, const struct nj_spec_node *node,
                   const char *suffix, char out[NJ_MODEL_PATH_SIZE])
{
    char name[NJ_SPEC_NAME_SIZE + 8];
    const char *dot = strrchr(node->model_file, '.');
    snprintf(name, sizeof name, "%.*s%s", (int)(dot - node->model_file), node->model_file, suffix);
    return nj_path_join(out, NJ_MODEL_PATH_SIZE, archive->folder, name);
}

static int fail_missing(const struct nj_spec_node *node, struct nj_error *err)
{
    const char *dot = strrchr(node->model_file, '.');
    const int stem = (int)(dot - node->model_file);
    if (strcmp(dot, ".onnx") == 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "%s: the model file '%s' is not in the archive",
                            node->path, node->model_file);
    return nj_error_set(err, NJ_E_NOT_FOUND,
                        "%s: '%s' needs '%.*s.onnx' beside it, which is not in the archive; export "
                        "it with 'yolo export model=%s format=onnx' and repack with 'nightjar mpta "
                        "convert'",
                        node->path, node->model_file, stem, node->model_file, node->model_file);
}

static int parse_manifest(const struct nj_archive *archive, const char *path, const char *weights,
                          struct nj_error *err)
{
    struct nj_model model = {0};
    char *json = NULL;
    size_t length = 0;
    int rc = nj_file_read(path, MANIFEST_BYTES_MAX, &json, &length, err);
    if (rc == 0)
        rc = nj_model_parse(json, length, archive->folder, &model, err);
    free(json);
    if (rc != 0)
        return rc;
    // A stranger's manifest must not make us load a file of the machine.
    if (strcmp(model.weights_path, weights) != 0)
        rc = nj_error_set(err, NJ_E_DENIED, "\"weights\" must be \"%s\", the file beside it",
                          strrchr(weights, '/') + 1);
    nj_model_finish(&model);
    return rc;
}

void nj_archive_shorten_error(const struct nj_archive *archive, struct nj_error *err)
{
    const size_t length = strlen(archive->folder);
    char *at = err != NULL ? strstr(err->text, archive->folder) : NULL;
    for (; at != NULL; at = strstr(at, archive->folder)) {
        const size_t cut = length + (at[length] == '/');
        memmove(at, at + cut, strlen(at + cut) + 1);
    }
}

static int check_model(struct nj_spec_node *node, void *arg)
{
    const struct model_check *check = arg;
    struct nj_archive *archive = check->archive;
    char weights[NJ_MODEL_PATH_SIZE], manifest[NJ_MODEL_PATH_SIZE];
    if (path_of(archive, node, ".onnx", weights) != 0 ||
        path_of(archive, node, ".json", manifest) != 0)
        return nj_error_set(check->err, NJ_E_TOO_BIG, "archives.cache_folder is too long a path");
    if (!is_file(weights))
        return fail_missing(node, check->err);
    const char *name = strrchr(manifest, '/') + 1;
    if (!is_file(manifest))
        return nj_error_set(check->err, NJ_E_NOT_FOUND,
                            "%s: the manifest '%s' of '%s' is not in the archive; it says what the "
                            "model takes and gives",
                            node->path, name, node->model_file);
    const int rc = parse_manifest(archive, manifest, weights, check->err);
    if (rc != 0) {
        nj_archive_shorten_error(archive, check->err);
        nj_error_prefix(check->err, "%s: %s", node->path, name);
        return rc;
    }
    archive->manifests[node->index] = nj_strdup(manifest);
    if (archive->manifests[node->index] == NULL)
        return nj_error_set(check->err, NJ_E_NOMEM, "out of memory");
    return 0;
}

static void finish(struct archive *archive)
{
    struct nj_archive *shared = &archive->shared;
    for (size_t i = 0; shared->manifests != NULL && i < shared->spec->node_count; i++)
        free(shared->manifests[i]);
    free(shared->manifests);
    free(shared->folder);
    nj_spec_destroy(shared->spec);
    nj_cache_let_go(&archive->hold);
    free(archive);
}

static int read_spec(struct nj_archive *archive, struct nj_error *err)
{
    char path[NJ_MODEL_PATH_SIZE];
    char *json = NULL;
    size_t length = 0;
    int rc = nj_path_join(path, sizeof path, archive->folder, "pipeline.json");
    if (rc == 0)
        rc = nj_file_read(path, NJ_SPEC_JSON_MAX, &json, &length, err);
    if (rc == 0)
        rc = nj_spec_parse(json, length, &archive->spec, err);
    free(json);
    if (rc == 0)
        archive->manifests = calloc(archive->spec->node_count, sizeof *archive->manifests);
    if (rc == 0 && archive->manifests == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "out of memory");
    return rc;
}

// Reads and checks an unpacked archive. Takes the hold, also on failure.
static int load(const char *folder, const char *sha256, struct nj_cache_hold *hold,
                struct nj_archive **out, struct nj_error *err)
{
    struct archive *archive = calloc(1, sizeof *archive);
    if (archive == NULL) {
        nj_cache_let_go(hold);
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    }
    nj_ref_init(&archive->ref);
    archive->hold = *hold;
    hold->fd = -1;
    nj_text_copy(archive->shared.sha256, sizeof archive->shared.sha256, sha256);
    archive->shared.folder = nj_strdup(folder);
    int rc = archive->shared.folder != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "out of memory");
    if (rc == 0)
        rc = read_spec(&archive->shared, err);
    if (rc == 0)
        rc = nj_spec_each(&archive->shared.spec->root, check_model,
                          &(struct model_check){&archive->shared, err});
    if (rc == 0)
        *out = &archive->shared;
    else
        finish(archive);
    return rc;
}

int nj_archive_open_cached(const struct nj_archive_options *options, const char *sha256,
                           struct nj_archive **out, struct nj_error *err)
{
    struct nj_cache_hold hold;
    struct nj_archive *archive = NULL;
    char folder[NJ_ARCHIVE_PATH_MAX];
    int rc = nj_cache_hold(options, sha256, &hold, err);
    if (rc != 0)
        return rc;
    nj_text_copy(folder, sizeof folder, hold.path);
    rc = load(folder, sha256, &hold, &archive, err);
    if (rc == 0 && nj_archive_try_secrets(options, archive) != 0)
        rc = nj_error_set(err, NJ_E_NOMEM, "out of memory");
    if (rc == 0)
        *out = archive;
    else
        nj_archive_unref(archive);
    if (rc == 0 || rc == NJ_E_NOMEM)
        return rc;
    // It was right when it got its name: somebody damaged it, or the rules changed.
    nj_cache_discard(options, sha256);
    return NJ_E_NOT_FOUND;
}

static int check_room(const struct nj_archive_options *options, int64_t needed,
                      struct nj_error *err)
{
    int64_t room = 0, total = 0;
    const int rc = nj_disk_room(options->cache_folder, &room, &total, err);
    if (rc == 0 && room - ROOM_LEFT_BYTES < needed)
        return nj_error_set(err, NJ_E_FULL,
                            "archives.cache_folder: %lld bytes are needed beside the %lld that "
                            "stay free, and there are %lld",
                            (long long)needed, (long long)ROOM_LEFT_BYTES, (long long)room);
    return rc;
}

static int check_unchanged(int fd, const struct stat *before, struct nj_error *err)
{
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_size == before->st_size &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return 0;
    return nj_error_set(err, NJ_E_CONFLICT, "the file changed while it was read");
}

// An open archive file.
struct opened {
    int fd;
    struct stat st;
    char sha256[NJ_SHA256_HEX_SIZE];
};

static int unpack_into(const struct nj_archive_options *options, struct nj_zip *zip,
                       const struct opened *file, struct nj_error *err)
{
    struct nj_cache_hold hold = {.fd = -1}, none = {.fd = -1};
    struct nj_archive *checked = NULL;
    int rc = nj_cache_begin(options, file->sha256, &hold, err);
    if (rc != 0)
        return rc;
    rc = check_room(options, nj_zip_bytes(zip), err);
    if (rc == 0)
        rc = nj_zip_unpack(zip, hold.path, err);
    // Only what is whole and right gets its name.
    if (rc == 0)
        rc = load(hold.path, file->sha256, &none, &checked, err);
    nj_archive_unref(checked);
    if (rc == 0)
        rc = check_unchanged(file->fd, &file->st, err);
    if (rc == 0)
        rc = nj_cache_commit(options, &hold, file->sha256, err);
    nj_cache_abandon(&hold);
    return rc;
}

static int unpack(const struct nj_archive_options *options, const struct opened *file,
                  struct nj_error *err)
{
    struct nj_zip *zip = NULL;
    int rc = nj_zip_open_file(options, file->fd, &zip, err);
    if (rc == 0)
        rc = unpack_into(options, zip, file, err);
    nj_zip_close(zip);
    return rc;
}

static int check_size(const struct nj_archive_options *options, int fd, struct stat *st,
                      struct nj_error *err)
{
    if (fstat(fd, st) != 0)
        return nj_error_errno(err, errno, "the archive");
    if (!S_ISREG(st->st_mode))
        return nj_error_set(err, NJ_E_INVALID, "this is no file");
    if (st->st_size > options->max_archive_bytes)
        return nj_error_set(err, NJ_E_TOO_BIG, "%lld bytes, archives.max_archive_bytes is %lld",
                            (long long)st->st_size, (long long)options->max_archive_bytes);
    return 0;
}

static int open_fd(const struct nj_archive_options *options, int fd, struct nj_archive **out,
                   struct nj_error *err)
{
    struct opened file = {.fd = fd};
    int rc = check_size(options, fd, &file.st, err);
    if (rc == 0)
        rc = nj_sha256_fd_hex(fd, file.sha256, NULL, err);
    for (int i = 0; rc == 0 && i < HOLD_TRIES; i++) {
        struct nj_error why = {0};
        rc = nj_archive_open_cached(options, file.sha256, out, &why);
        if (rc == 0)
            return 0;
        if (rc != NJ_E_NOT_FOUND)
            return nj_error_set(err, rc, "%s", why.text);
        rc = unpack(options, &file, err);
    }
    return rc == 0 ? nj_error_set(err, NJ_E_AGAIN, "the cache is being swept; try again") : rc;
}

int nj_archive_open_fd(const struct nj_archive_options *options, int fd, const char *name,
                       struct nj_archive **out, struct nj_error *err)
{
    const int rc = open_fd(options, fd, out, err);
    if (rc != 0)
        nj_error_prefix(err, "%s", name);
    return rc;
}

int nj_archive_open(const struct nj_archive_options *options, const char *path,
                    struct nj_archive **out, struct nj_error *err)
{
    const char *slash = strrchr(path, '/');
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "%s", path);
    const int rc = nj_archive_open_fd(options, fd, slash != NULL ? slash + 1 : path, out, err);
    close(fd);
    return rc;
}

struct nj_archive *nj_archive_ref(struct nj_archive *archive)
{
    nj_ref_take(&NJ_CONTAINER_OF(archive, struct archive, shared)->ref);
    return archive;
}

void nj_archive_unref(struct nj_archive *archive)
{
    if (archive == NULL)
        return;
    struct archive *own = NJ_CONTAINER_OF(archive, struct archive, shared);
    if (nj_ref_drop(&own->ref))
        finish(own);
}
