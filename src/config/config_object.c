// SPDX-License-Identifier: Apache-2.0
// One object of an option table outside of a configuration.
#include "config/config_object.h"

#include "config/config_value_priv.h"
#include "util/json_reader.h"

#include <stdlib.h>

enum { OBJECT_JSON_MAX = 64 << 10 }; // bytes; an entry is a few hundred

struct nj_config_object {
    struct nj_arena arena;
    void *values;
};

// The table's reader takes YAML, of which JSON is a part; what a client sends must be JSON.
static int check_json(const struct nj_config_object_input *input, struct nj_error *err)
{
    json_t *root = NULL;
    int rc = nj_json_parse(input->json, input->length, OBJECT_JSON_MAX, &root, err);
    if (rc == 0 && !json_is_object(root))
        rc = nj_error_set(err, NJ_E_INVALID, "%s: a JSON object is wanted", input->members->name);
    json_decref(root);
    return rc;
}

static int fill(struct nj_config_object *object, const struct nj_config_object_input *input,
                struct nj_error *err)
{
    static const struct nj_option_group *const no_groups[] = {NULL};
    struct nj_arena nodes = {NULL};
    struct nj_node *root = NULL;
    const struct nj_source source = {
        .name = "", .text = input->json, .length = input->length, .is_inline = 1};
    const struct nj_binder binder = {.arena = &object->arena,
                                     .groups = no_groups,
                                     .no_references = !input->references,
                                     .err = err};
    object->values = nj_arena_alloc(&object->arena, 1, input->members->struct_size);
    if (object->values == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "%s: out of memory", input->members->name);
    int rc = nj_node_parse(&nodes, &source, &root, err);
    if (rc == 0)
        rc =
            nj_object_set_node(&binder, input->members, input->members->name, object->values, root);
    nj_arena_finish(&nodes);
    return rc;
}

int nj_config_object_parse(const struct nj_config_object_input *input,
                           struct nj_config_object **out, struct nj_error *err)
{
    int rc = check_json(input, err);
    if (rc != 0)
        return rc;
    struct nj_config_object *object = calloc(1, sizeof *object);
    if (object == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "%s: out of memory", input->members->name);
    rc = fill(object, input, err);
    if (rc != 0)
        nj_config_object_destroy(object);
    else
        *out = object;
    return rc;
}

void nj_config_object_destroy(struct nj_config_object *object)
{
    if (object == NULL)
        return;
    nj_arena_finish(&object->arena);
    free(object);
}

const void *nj_config_object_values(const struct nj_config_object *object)
{
    return object->values;
}
