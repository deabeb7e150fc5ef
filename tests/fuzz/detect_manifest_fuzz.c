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
    const bool reads = model.task == NJ_TASK_RECOGNISE;
    if ((model.class_count < 1) != reads || model.class_count > model.network_class_count ||
        model.network_class_count > NJ_MODEL_CLASSES_MAX || (model.alphabet_count < 1) == reads ||
        (model.width_max != 0 && model.width_max < model.input.width) ||
        model.weights_path[0] == '\0' || model.max_batch < 1 ||
        !(model.threshold >= 0 && model.threshold <= 1))
        abort();
    for (int32_t i = 0; model.class_map != NULL && i < model.network_class_count; i++) {
        if (model.class_map[i] < -1 || model.class_map[i] >= model.class_count)
            abort();
    }
    nj_model_finish(&model);
    return 0;
}
