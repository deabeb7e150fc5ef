// SPDX-License-Identifier: Apache-2.0
// The document pipeline.json as a whole.
#include "archives/spec.h"

#include "archives/spec_priv.h"
#include "util/json_reader.h"
#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

static int read_root(struct nj_spec_reader *reader, const json_t *json, void *object)
{
    return nj_spec_read_node(reader, json, &((struct nj_spec *)object)->root);
}

static const struct nj_member document_items[] = {
    {.name = "redis", .kind = NJ_MEMBER_OTHER, .read = nj_spec_read_redis},
    {.name = "postgresql", .kind = NJ_MEMBER_OTHER, .read = nj_spec_read_postgresql},
    {.name = "pipeline", .kind = NJ_MEMBER_OTHER, .required = true, .read = read_root},
};
static const struct nj_members document_members = {document_items, NJ_COUNT_OF(document_items)};

int nj_spec_parse(const char *json, size_t length, struct nj_spec **out, struct nj_error *err)
{
    json_t *document = NULL;
    int rc = nj_json_parse(json, length, NJ_SPEC_JSON_MAX, &document, err);
    if (rc != 0)
        return rc;
    struct nj_spec *spec = calloc(1, sizeof *spec);
    struct nj_spec_reader reader = {.spec = spec, .err = err};
    if (spec == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for a pipeline");
    if (rc == 0)
        rc = nj_spec_read(&reader, &document_members, document, spec);
    if (rc == 0)
        rc = nj_spec_check(&reader);
    json_decref(document);
    if (rc == 0)
        *out = spec;
    else
        nj_spec_destroy(spec);
    return rc;
}

static void finish_names(struct nj_spec_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static void finish_node(struct nj_spec_node *node)
{
    for (size_t i = 0; i < node->branch_count; i++)
        finish_node(&node->branches[i]);
    free(node->branches);
    finish_names(&node->trigger_classes);
    finish_names(&node->expected_classes);
    nj_spec_finish_actions(node->actions, node->action_count);
    nj_spec_finish_actions(node->parallel_actions, node->parallel_action_count);
}

void nj_spec_destroy(struct nj_spec *spec)
{
    if (spec == NULL)
        return;
    finish_node(&spec->root);
    free(spec->warnings.items);
    free(spec);
}

static const struct nj_spec_node *find(const struct nj_spec_node *node, const char *model_id)
{
    if (strcmp(node->model_id, model_id) == 0)
        return node;
    for (size_t i = 0; i < node->branch_count; i++) {
        const struct nj_spec_node *found = find(&node->branches[i], model_id);
        if (found != NULL)
            return found;
    }
    return NULL;
}

const struct nj_spec_node *nj_spec_find(const struct nj_spec *spec, const char *model_id)
{
    return find(&spec->root, model_id);
}
