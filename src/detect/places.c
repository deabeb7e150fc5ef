// SPDX-License-Identifier: Apache-2.0
// Looking for models and libraries beside the program.
#include "detect/places_priv.h"

#include "util/file.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Preferred first; the second is what a machine gets that reaches only package registries.
static const char *const known_models[] = {"yolox_nano_416", "centernet_512"};

// Seen from the program: a build tree (program, then test program), an installation.
static const char *const model_folders[] = {"../../models", "../../../models",
                                            "../share/nightjar/models"};

int nj_place_beside_program(const char *relative, char *out, size_t size)
{
    char program[NJ_MODEL_PATH_SIZE];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return NJ_E_IO;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL)
        return NJ_E_IO;
    slash[slash == program ? 1 : 0] = '\0';
    return nj_path_join(out, size, program, relative);
}

static bool manifest_exists(const char *folder, const char *name, char out[NJ_MODEL_PATH_SIZE])
{
    char file[NJ_MODEL_NAME_SIZE + 8];
    if (snprintf(file, sizeof file, "%s.json", name) >= (int)sizeof file)
        return false;
    char path[NJ_MODEL_PATH_SIZE];
    if (nj_path_join(path, sizeof path, folder, file) != 0 || access(path, R_OK) != 0)
        return false;
    return nj_text_copy(out, NJ_MODEL_PATH_SIZE, path);
}

static bool weights_exist(const char *manifest)
{
    struct nj_model *model = calloc(1, sizeof *model);
    // A manifest that cannot be read is no reason to pass on silently: choosing it shows the error.
    bool usable = model != NULL;
    if (usable && nj_model_load(manifest, model, NULL) == 0)
        usable = access(model->weights_path, R_OK) == 0;
    nj_model_finish(model);
    free(model);
    return usable;
}

static bool find_in(const char *folder, const char *name, bool need_weights,
                    char out[NJ_MODEL_PATH_SIZE])
{
    if (name[0] != '\0')
        return manifest_exists(folder, name, out);
    for (size_t i = 0; i < NJ_COUNT_OF(known_models); i++) {
        char path[NJ_MODEL_PATH_SIZE];
        if (manifest_exists(folder, known_models[i], path) &&
            (!need_weights || weights_exist(path)))
            return nj_text_copy(out, NJ_MODEL_PATH_SIZE, path);
    }
    return false;
}

static bool find_in_usual_places(const char *name, bool need_weights, char out[NJ_MODEL_PATH_SIZE])
{
    for (size_t i = 0; i < NJ_COUNT_OF(model_folders); i++) {
        char folder[NJ_MODEL_PATH_SIZE];
        if (nj_place_beside_program(model_folders[i], folder, sizeof folder) == 0 &&
            find_in(folder, name, need_weights, out))
            return true;
    }
    return find_in("models", name, need_weights, out);
}

int nj_place_find_model(const struct nj_detect_options *options, bool need_weights,
                        char out[NJ_MODEL_PATH_SIZE], struct nj_error *err)
{
    const char *name = options->model != NULL ? options->model : "";
    const char *folder = options->models_folder != NULL ? options->models_folder : "";
    const size_t length = strlen(name);
    const bool is_path =
        strchr(name, '/') != NULL || (length > 5 && strcmp(name + length - 5, ".json") == 0);
    if (is_path)
        return nj_text_copy(out, NJ_MODEL_PATH_SIZE, name)
                   ? 0
                   : nj_error_set(err, NJ_E_TOO_BIG, "detect.model: the path is too long");
    if (folder[0] != '\0' ? find_in(folder, name, need_weights, out)
                          : find_in_usual_places(name, need_weights, out))
        return 0;
    return nj_error_set(
        err, NJ_E_NOT_FOUND,
        "no detection model %s%s in %s: run tools/fetch-models, or set detect.model "
        "to a manifest",
        name[0] != '\0' ? name : "with its weights", name[0] != '\0' ? ".json" : "",
        folder[0] != '\0' ? folder : "the usual places (models beside the program)");
}
