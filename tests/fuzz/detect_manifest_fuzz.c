// SPDX-License-Identifier: Apache-2.0
// Fuzzes the reading of model manifests.
#include "detect/model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nj_model model;
    struct nj_error error = {0};
    const int rc = nj_model_parse((const char *)data, size, "/models", &model, &error);
    if (rc != 0) {
        if (error.code != rc || error.text[0] == '\0')
            abort();
        return 0;
    }
    if (model.class_count < 1 || model.class_count > NJ_MODEL_CLASSES_MAX ||
        model.weights_path[0] == '\0' || model.max_batch < 1 ||
        !(model.threshold >= 0 && model.threshold <= 1))
        abort();
    nj_model_finish(&model);
    return 0;
}
