// SPDX-License-Identifier: Apache-2.0
// Making archives: a folder into a ZIP, and an archive of PyTorch models into one of ONNX models.
#include "archives/archive_priv.h"
#include "archives/spec_priv.h"
#include "util/digest.h"
#include "util/file.h"
#include "util/json_reader.h"
#include "util/mem.h"
#include "util/text.h"

#include <zip.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RANDOM_BYTES = 8,
    // 1980-01-01 00:00, the first time that a ZIP can hold: equal files make equal archives.
    DOS_DATE = 0x21,
    DOS_TIME = 0,
    FILE_ATTRIBUTES = (S_IFREG | 0644),
    ATTRIBUTES_MODE_SHIFT = 16,
    MANIFEST_BYTES_MAX = 256 * 1024, // as of the registry
    COPY_BYTES = 1 << 14
};

static void free_names(struct dirent **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static int is_visible(const struct dirent *item)
{
    return item->d_name[0] != '.';
}

// Not alphasort: that one looks at the locale.
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_file(zip_t *zip, const char *path, const char *name, struct nj_error *err)
{
    zip_source_t *source = zip_source_file(zip, path, 0, -1);
    const zip_int64_t index =
        source != NULL ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    if (index < 0) {
        zip_source_free(source);
        return nj_error_set(err, NJ_E_IO, "%s: %s", path, zip_strerror(zip));
    }
    const zip_uint64_t at = (zip_uint64_t)index;
    if (zip_file_set_dostime(zip, at, DOS_TIME, DOS_DATE, 0) != 0 ||
        zip_file_set_external_attributes(zip, at, 0, ZIP_OPSYS_UNIX,
                                         (zip_uint32_t)FILE_ATTRIBUTES << ATTRIBUTES_MODE_SHIFT) !=
            0 ||
        zip_set_file_compression(zip, at, ZIP_CM_DEFLATE, 0) != 0)
        return nj_error_set(err, NJ_E_IO, "%s: %s", path, zip_strerror(zip));
    return 0;
}

static int add_files(zip_t *zip, const char *folder, const char *top, struct nj_error *err)
{
    struct dirent **names = NULL;
    const int count = scandir(folder, &names, is_visible, by_name);
    if (count < 0)
        return nj_error_errno(err, errno, "%s", folder);
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        char path[NJ_ARCHIVE_PATH_MAX], name[NJ_ARCHIVE_NAME_MAX];
        struct stat st;
        snprintf(name, sizeof name, "%s/%s", top, names[i]->d_name);
        rc = nj_path_join(path, sizeof path, folder, names[i]->d_name);
        if (rc != 0)
            nj_error_set(err, rc, "%s: the path is too long", folder);
        else if (lstat(path, &st) != 0)
            rc = nj_error_errno(err, errno, "%s", path);
        else if (!S_ISREG(st.st_mode))
            rc = nj_error_set(err, NJ_E_INVALID,
                              "%s: only files are packed, no folders and no links", path);
        else
            rc = add_file(zip, path, name, err);
    }
    free_names(names, count);
    return rc;
}

// The archive's folder is named as the file without its end.
static void top_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    nj_text_copy(out, size, slash != NULL ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot != NULL && dot != out)
        *dot = '\0';
}

static int write_zip(const char *folder, const char *path, const char *top, struct nj_error *err)
{
    int code = 0;
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_EXCL, &code);
    if (zip == NULL) {
        zip_error_t why;
        zip_error_init_with_code(&why, code);
        const int rc = nj_error_set(err, NJ_E_IO, "%s: %s", path, zip_error_strerror(&why));
        zip_error_fini(&why);
        return rc;
    }
    int rc = add_files(zip, folder, top, err);
    if (rc == 0 && zip_get_num_entries(zip, 0) == 0)
        rc = nj_error_set(err, NJ_E_INVALID, "%s: there is nothing to pack", folder);
    if (rc == 0 && zip_close(zip) == 0)
        return 0;
    if (rc == 0)
        rc = nj_error_set(err, NJ_E_IO, "%s: %s", path, zip_strerror(zip));
    zip_discard(zip);
    return rc;
}

// "path.tmp-<random>" beside the file that is to be made.
static int beside(const char *path, char out[NJ_ARCHIVE_PATH_MAX], struct nj_error *err)
{
    char random[2 * RANDOM_BYTES + 1];
    if (nj_random_hex(random, RANDOM_BYTES) != 0)
        return nj_error_set(err, NJ_E_IO, "the system gives no random numbers");
    if (snprintf(out, NJ_ARCHIVE_PATH_MAX, "%s.tmp-%s", path, random) >= NJ_ARCHIVE_PATH_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s: the path is too long", path);
    return 0;
}

// What is wrong with the file that was made is told of the one that was wished for.
static void hide_suffix(const char *path, const char *made, struct nj_error *err)
{
    const char *suffix = made + strlen(path);
    char *at = err != NULL ? strstr(err->text, suffix) : NULL;
    if (at != NULL)
        memmove(at, at + strlen(suffix), strlen(at + strlen(suffix)) + 1);
}

// Opens the made file as a user of it would, with a cache of its own.
static int check(const struct nj_archive_options *options, const char *made, struct nj_error *err)
{
    struct nj_archive_options own = *options;
    struct nj_archive *archive = NULL;
    char cache[NJ_ARCHIVE_PATH_MAX];
    int rc = beside(made, cache, err);
    if (rc != 0)
        return rc;
    own.cache_folder = cache;
    rc = nj_archive_open(&own, made, &archive, err);
    nj_archive_unref(archive);
    nj_tree_remove(cache);
    return rc;
}

int nj_archive_pack(const struct nj_archive_options *options, const char *folder, const char *path,
                    struct nj_error *err)
{
    char made[NJ_ARCHIVE_PATH_MAX], top[NJ_ARCHIVE_PART_MAX + 1];
    int rc = nj_file_may_replace(path, err);
    if (rc == 0)
        rc = beside(path, made, err);
    if (rc != 0)
        return rc;
    top_of(path, top, sizeof top);
    rc = write_zip(folder, made, top, err);
    if (rc == 0)
        rc = check(options, made, err);
    if (rc != 0)
        hide_suffix(path, made, err);
    if (rc == 0 && rename(made, path) != 0)
        rc = nj_error_errno(err, errno, "%s", path);
    unlink(made);
    return rc;
}

static int copy_bytes(int in, int out)
{
    char piece[COPY_BYTES];
    for (;;) {
        const ssize_t count = read(in, piece, sizeof piece);
        if (count <= 0)
            return count == 0 ? 0 : errno;
        errno = 0;
        if (write(out, piece, (size_t)count) != count)
            return errno != 0 ? errno : ENOSPC;
    }
}

static int copy_file(const char *from, const char *to, struct nj_error *err)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return nj_error_errno(err, errno, "%s", from);
    const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int rc = out < 0 ? nj_error_errno(err, errno, "%s", to) : 0;
    const int failure = rc == 0 ? copy_bytes(in, out) : 0;
    if (failure != 0)
        rc = nj_error_errno(err, failure, "%s: cannot be copied", from);
    if (out >= 0)
        close(out);
    close(in);
    return rc;
}

struct exchange {
    const char *folder, *models;
    struct nj_error *err;
};

static int join(const struct exchange *exchange, const char *folder, const char *stem,
                const char *suffix, char out[NJ_ARCHIVE_PATH_MAX])
{
    char name[NJ_ARCHIVE_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", stem, suffix);
    if (nj_path_join(out, NJ_ARCHIVE_PATH_MAX, folder, name) == 0)
        return 0;
    return nj_error_set(exchange->err, NJ_E_TOO_BIG, "%s: the path is too long", folder);
}

// The file of labels that a manifest may name lies beside it and comes along.
static int copy_labels(const struct exchange *exchange, const char *manifest)
{
    json_t *json = NULL;
    const char *labels = "";
    char from[NJ_ARCHIVE_PATH_MAX], to[NJ_ARCHIVE_PATH_MAX];
    int rc = nj_json_parse_file(manifest, MANIFEST_BYTES_MAX, &json, exchange->err);
    if (rc != 0)
        return rc;
    nj_json_get_text(json, "labels", false, &labels, NULL);
    if (labels[0] != '\0' && labels[0] != '.' && strchr(labels, '/') == NULL) {
        rc = join(exchange, exchange->models, labels, "", from);
        rc = rc != 0 ? rc : join(exchange, exchange->folder, labels, "", to);
        if (rc == 0 && access(from, F_OK) == 0)
            rc = copy_file(from, to, exchange->err);
    }
    json_decref(json);
    return rc;
}

// Takes what the models folder has for a node; what is missing then is told by the check.
static int exchange_model(struct nj_spec_node *node, void *arg)
{
    static const char *const suffixes[] = {".onnx", ".json"};
    const struct exchange *exchange = arg;
    char stem[NJ_SPEC_NAME_SIZE], from[NJ_ARCHIVE_PATH_MAX], to[NJ_ARCHIVE_PATH_MAX];
    nj_text_copy(stem, sizeof stem, node->model_file);
    *strrchr(stem, '.') = '\0';
    int rc = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(suffixes); i++) {
        rc = join(exchange, exchange->models, stem, suffixes[i], from);
        rc = rc != 0 ? rc : join(exchange, exchange->folder, stem, suffixes[i], to);
        if (rc == 0 && access(from, F_OK) == 0)
            rc = copy_file(from, to, exchange->err);
        if (rc != 0)
            return rc;
    }
    if (access(to, F_OK) == 0) // the manifest
        rc = copy_labels(exchange, to);
    rc = rc != 0 ? rc : join(exchange, exchange->folder, stem, ".pt", to);
    if (rc == 0)
        unlink(to);
    return rc;
}

static int exchange_models(const char *folder, const char *models, struct nj_error *err)
{
    char path[NJ_ARCHIVE_PATH_MAX], *json = NULL;
    size_t length = 0;
    struct nj_spec *spec = NULL;
    int rc = nj_path_join(path, sizeof path, folder, "pipeline.json");
    if (rc == 0)
        rc = nj_file_read(path, NJ_SPEC_JSON_MAX, &json, &length, err);
    if (rc == 0)
        rc = nj_spec_parse(json, length, &spec, err);
    free(json);
    if (rc == 0)
        rc = nj_spec_each(&spec->root, exchange_model, &(struct exchange){folder, models, err});
    nj_spec_destroy(spec);
    return rc;
}

static int open_zip(const struct nj_archive_options *options, const char *path, struct nj_zip **out,
                    struct nj_error *err)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return nj_error_errno(err, errno, "%s", path);
    const int rc = nj_zip_open_file(options, fd, out, err);
    close(fd);
    if (rc != 0)
        nj_error_prefix(err, "%s", path);
    return rc;
}

int nj_archive_convert(const struct nj_archive_options *options, const char *from,
                       const char *models, const char *path, struct nj_error *err)
{
    struct nj_zip *zip = NULL;
    char folder[NJ_ARCHIVE_PATH_MAX];
    struct stat st;
    if (stat(models, &st) != 0)
        return nj_error_errno(err, errno, "%s", models);
    int rc = beside(path, folder, err);
    rc = rc != 0 ? rc : open_zip(options, from, &zip, err);
    if (rc != 0)
        return rc;
    if (mkdir(folder, 0700) != 0) {
        rc = nj_error_errno(err, errno, "%s", folder);
    } else {
        rc = nj_zip_unpack(zip, folder, err);
        rc = rc != 0 ? rc : exchange_models(folder, models, err);
        rc = rc != 0 ? rc : nj_archive_pack(options, folder, path, err);
        nj_tree_remove(folder);
    }
    nj_zip_close(zip);
    return rc;
}
