// SPDX-License-Identifier: Apache-2.0
// Any bytes as pipeline.json: refused with a reason, or a tree whose numbers are in their ranges.
#include "archives/spec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct nj_spec *spec, const struct nj_spec_node *node, size_t *next)
{
    if (node->index != (*next)++ || nj_spec_find(spec, node->model_id) != node ||
        node->min_confidence > 1 || node->timeout_us <= 0 || strchr(node->model_file, '/') != NULL)
        abort();
    for (size_t i = 0; i < node->action_count; i++) {
        if (node->actions[i].kind >= NJ_ACTION_KIND_COUNT || node->actions[i].wait_for.count > 0)
            abort();
    }
    for (size_t i = 0; i < node->branch_count; i++)
        check(spec, &node->branches[i], next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nj_spec *spec = NULL;
    struct nj_error err = {0};
    size_t next = 0;
    const int rc = nj_spec_parse((const char *)data, size, &spec, &err);
    if (rc != 0) {
        if (err.code != rc || err.text[0] == '\0' || spec != NULL)
            abort();
        return 0;
    }
    check(spec, &spec->root, &next);
    if (next != spec->node_count)
        abort();
    nj_spec_destroy(spec);
    return 0;
}
