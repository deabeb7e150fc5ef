// SPDX-License-Identifier: Apache-2.0
// Checksums of a model's files, and an estimate of what it takes.
#include "detect/model_size_priv.h"

#include "detect/engine_driver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    // Fits what the project's models were measured to take after a run with ONNX Runtime 1.28 (41,
    // 44, 23 and 15 MB) within a third: the weights as they are and as they are laid out for the
    // kernels, and what a session has whatever its size.
    WEIGHT_COPIES = 2,
    SESSION_BYTES = 4 * 1024 * 1024,
    // Of the largest tensor, which is the input: a network's own lie in between.
    TENSOR_COPIES = 8
};

static int add_file(const char *path, char out[NJ_SHA256_HEX_SIZE], int64_t *size,
                    struct nj_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "%s: cannot be opened", path);
    int rc = nj_sha256_fd_hex(fd, out, size, err);
    close(fd);
    if (rc != 0)
        nj_error_prefix(err, "%s", path);
    return rc;
}

// Length of the folder's part of a path, with the slash; 0: none.
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

// Models come from archives of strangers: theirs are the files beside the manifest, no others.
static int check_beside(const char *manifest_path, const struct nj_model *model,
                        struct nj_error *err)
{
    const char *weights = model->weights_path;
    if (strncmp(weights, "./", 2) == 0 && folder_length(manifest_path) == 0)
        weights += 2;
    const size_t length = folder_length(manifest_path);
    if (folder_length(weights) == length && strncmp(weights, manifest_path, length) == 0)
        return 0;
    return nj_error_set(err, NJ_E_INVALID, "%s: the weights must lie beside the manifest",
                        manifest_path);
}

static int64_t estimate(const struct nj_model *model, int64_t weights_bytes)
{
    const int32_t width = model->width_max > 0 ? model->width_max : model->input.width;
    const int64_t tensor =
        (int64_t)sizeof(float) * 3 * width * model->input.height * model->max_batch;
    return WEIGHT_COPIES * weights_bytes + TENSOR_COPIES * tensor + SESSION_BYTES;
}

int nj_model_size_read(const char *manifest_path, int engine, struct nj_model_size *out,
                       struct nj_error *err)
{
    char sums[3][NJ_SHA256_HEX_SIZE] = {{0}};
    char text[3 * NJ_SHA256_HEX_SIZE];
    int64_t ignored = 0;
    int64_t weights_bytes = 0;
    struct nj_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a manifest");
    int rc = nj_model_load(manifest_path, model, err);
    rc = rc != 0 ? rc : check_beside(manifest_path, model, err);
    rc = rc != 0 ? rc : add_file(manifest_path, sums[0], &ignored, err);
    if (rc == 0 && model->labels_path[0] != '\0')
        rc = add_file(model->labels_path, sums[1], &ignored, err);
    if (rc == 0 && (engine == NJ_ENGINE_ONNX || access(model->weights_path, R_OK) == 0))
        rc = add_file(model->weights_path, sums[2], &weights_bytes, err);
    if (rc == 0) {
        const int length = snprintf(text, sizeof text, "%s %s %s", sums[0], sums[1], sums[2]);
        rc = nj_sha256_hex(text, (size_t)length, out->key);
        if (rc != 0)
            nj_error_set(err, rc, "%s: no checksum could be made", manifest_path);
        out->bytes = estimate(model, weights_bytes);
    }
    nj_model_finish(model);
    free(model);
    return rc;
}
