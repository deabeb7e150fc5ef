// SPDX-License-Identifier: Apache-2.0
// What a network's classes are called: names, groups of names, a map to other names, alphabets.
#include "detect/model_priv.h"

#include "util/file.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

enum { LABELS_BYTES_MAX = 256 * 1024 }; // a line for each character of the largest alphabet

// Names, one after the other, of a list in the manifest or of the lines of a file.
struct names {
    json_t *list; // of the manifest, borrowed, or made of the file
    bool owned;
};

static int32_t find_class(const struct nj_model *model, const char *name)
{
    for (int32_t i = 0; i < model->class_count; i++) {
        if (strcmp(model->class_names[i], name) == 0)
            return i;
    }
    return -1;
}

static int split_lines(char *text, size_t length, json_t *out, struct nj_error *err)
{
    size_t at = 0;
    for (size_t number = 1; at < length; number++) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t size = end != NULL ? (size_t)(end - (text + at)) : length - at;
        const size_t next = at + size + 1;
        if (size > 0 && text[at + size - 1] == '\r')
            size--;
        if (size == 0)
            return nj_error_set(err, NJ_E_INVALID, "line %zu is empty", number);
        if (!nj_utf8_valid(text + at, size) ||
            json_array_append_new(out, json_stringn(text + at, size)) != 0)
            return nj_error_set(err, NJ_E_INVALID, "line %zu is no UTF-8 text", number);
        at = next;
    }
    return 0;
}

// A plain name: what comes with a model lies beside it.
static int read_label_file(const char *folder, const char *name, struct nj_model *model,
                           json_t **out, struct nj_error *err)
{
    char *text = NULL;
    size_t length = 0;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
        return nj_error_set(err, NJ_E_INVALID,
                            "\"labels\" must be the name of a file beside the manifest");
    if (nj_path_join(model->labels_path, sizeof model->labels_path, folder, name) != 0)
        return nj_error_set(err, NJ_E_TOO_BIG, "\"labels\": the path is too long");
    int rc = nj_file_read(model->labels_path, LABELS_BYTES_MAX, &text, &length, err);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    rc = list != NULL ? split_lines(text, length, list, err)
                      : nj_error_set(err, NJ_E_NOMEM, "no memory for labels");
    free(text);
    if (rc != 0) {
        json_decref(list);
        nj_error_prefix(err, "%s", model->labels_path);
        return rc;
    }
    *out = list;
    return 0;
}

static int get_names(const json_t *root, const char *folder, struct nj_model *model,
                     struct names *out, struct nj_error *err)
{
    const char *file = NULL;
    json_t *list = json_object_get(root, "classes");
    int rc = nj_json_get_text(root, "labels", false, &file, err);
    if (rc != 0)
        return rc;
    if (file != NULL && list != NULL)
        return nj_error_set(err, NJ_E_INVALID, "\"classes\" and \"labels\" exclude each other");
    if (file == NULL) {
        *out = (struct names){.list = list};
        return 0;
    }
    rc = read_label_file(folder, file, model, &list, err);
    if (rc == 0)
        *out = (struct names){.list = list, .owned = true};
    return rc;
}

static int parse_classes(const json_t *classes, struct nj_model *out, struct nj_error *err)
{
    const size_t count = json_is_array(classes) ? json_array_size(classes) : 0;
    if (count < 1 || count > NJ_MODEL_CLASSES_MAX)
        return nj_error_set(err, NJ_E_INVALID, "\"classes\" must be a list of 1 to %d names",
                            NJ_MODEL_CLASSES_MAX);
    out->class_names = calloc(count, sizeof *out->class_names);
    out->class_groups = calloc(count, sizeof *out->class_groups);
    if (out->class_names == NULL || out->class_groups == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu classes", count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(classes, i);
        const char *name = json_string_value(item);
        if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof out->class_names[0])
            return nj_error_set(err, NJ_E_INVALID,
                                "\"classes\": entry %zu is no name of 1 to 63 bytes", i);
        if (find_class(out, name) >= 0)
            return nj_error_set(err, NJ_E_INVALID, "\"classes\": \"%s\" stands twice", name);
        nj_text_copy(out->class_names[i], sizeof out->class_names[i], name);
        out->class_count = (int32_t)i + 1;
    }
    out->network_class_count = out->class_count;
    return 0;
}
static int parse_group(const json_t *group, int32_t number, struct nj_model *out,
                       struct nj_error *err)
{
    if (!json_is_array(group))
        return nj_error_set(err, NJ_E_INVALID, "\"groups\" must be a list of lists of classes");
    for (size_t i = 0; i < json_array_size(group); i++) {
        const char *name = json_string_value(json_array_get(group, i));
        const int32_t class_id = name != NULL ? find_class(out, name) : -1;
        if (class_id < 0)
            return nj_error_set(err, NJ_E_INVALID, "\"groups\": \"%s\" is no class of the model",
                                name != NULL ? name : "(no text)");
        if (out->class_groups[class_id] != 0)
            return nj_error_set(err, NJ_E_INVALID, "\"groups\": \"%s\" stands twice", name);
        out->class_groups[class_id] = number;
    }
    return 0;
}

static int parse_groups(const json_t *groups, struct nj_model *out, struct nj_error *err)
{
    if (groups == NULL)
        return 0;
    if (!json_is_array(groups))
        return nj_error_set(err, NJ_E_INVALID, "\"groups\" must be a list of lists of classes");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(groups); i++)
        rc = parse_group(json_array_get(groups, i), (int32_t)i + 1, out, err);
    return rc;
}

// The name that a class is mapped to; NULL: it is left out.
static int mapped_name(const json_t *map, const char *name, const char **out, struct nj_error *err)
{
    const json_t *value = json_object_get(map, name);
    if (value == NULL)
        value = json_object_get(map, "*");
    if (value == NULL) {
        *out = name;
        return 0;
    }
    const char *text = json_string_value(value);
    if (!json_is_null(value) &&
        (text == NULL || text[0] == '\0' || strlen(text) >= NJ_MODEL_CLASS_SIZE))
        return nj_error_set(err, NJ_E_INVALID,
                            "\"label_map\": \"%s\" has neither null nor a name of 1 to 63 bytes",
                            name);
    *out = text;
    return 0;
}

static int check_map_keys(const json_t *map, const struct nj_model *model, struct nj_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(map))
        return nj_error_set(err, NJ_E_INVALID, "\"label_map\" is no object");
    json_object_foreach((json_t *)map, key, value)
    {
        if (strcmp(key, "*") != 0 && find_class(model, key) < 0)
            return nj_error_set(err, NJ_E_INVALID, "\"label_map\": \"%s\" is no class of the model",
                                key);
    }
    return 0;
}

// The reported class of the network's class `index`, made when it is the first of its name.
static int map_class(const json_t *map, const char *name, int32_t index, struct nj_model *model,
                     struct nj_error *err)
{
    const char *label = NULL;
    int rc = mapped_name(map, name, &label, err);
    if (rc != 0)
        return rc;
    int32_t id = label != NULL ? find_class(model, label) : -1;
    if (label != NULL && id < 0) {
        id = model->class_count++;
        nj_text_copy(model->class_names[id], NJ_MODEL_CLASS_SIZE, label);
        model->class_groups[id] = model->class_groups[index]; // id <= index: it was read before
    }
    model->class_map[index] = id;
    return 0;
}

// Gives the classes their reported names; those of one name become one class.
static int parse_label_map(const json_t *map, struct nj_model *model, struct nj_error *err)
{
    if (map == NULL)
        return 0;
    int rc = check_map_keys(map, model, err);
    if (rc != 0)
        return rc;
    const int32_t count = model->class_count;
    char(*names)[NJ_MODEL_CLASS_SIZE] = model->class_names;
    model->class_map = calloc((size_t)count, sizeof *model->class_map);
    model->class_names = calloc((size_t)count, sizeof *model->class_names);
    model->class_count = 0;
    if (model->class_map == NULL || model->class_names == NULL)
        rc = nj_error_set(err, NJ_E_NOMEM, "no memory for a label map");
    for (int32_t i = 0; rc == 0 && i < count; i++)
        rc = map_class(map, names[i], i, model, err);
    free(names);
    if (rc == 0 && model->class_count == 0)
        rc = nj_error_set(err, NJ_E_INVALID, "\"label_map\" leaves no class");
    return rc;
}

static int parse_alphabet(const json_t *list, struct nj_model *out, struct nj_error *err)
{
    const size_t count = json_is_array(list) ? json_array_size(list) : 0;
    if (count < 1 || count > NJ_MODEL_ALPHABET_MAX)
        return nj_error_set(err, NJ_E_INVALID,
                            "\"classes\" or \"labels\" must give 1 to %d characters",
                            NJ_MODEL_ALPHABET_MAX);
    out->alphabet = calloc(count, sizeof *out->alphabet);
    if (out->alphabet == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %zu characters", count);
    out->alphabet_count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || text[0] == '\0' ||
            !nj_text_copy(out->alphabet[i], NJ_MODEL_LABEL_SIZE, text))
            return nj_error_set(err, NJ_E_INVALID,
                                "character %zu of the alphabet is no text of 1 to %d bytes", i,
                                NJ_MODEL_LABEL_SIZE - 1);
    }
    return 0;
}

int nj_model_parse_labels(const json_t *root, const char *folder, struct nj_model *out,
                          struct nj_error *err)
{
    struct names names = {0};
    int rc = get_names(root, folder, out, &names, err);
    if (rc == 0 && out->task == NJ_TASK_RECOGNISE)
        rc = parse_alphabet(names.list, out, err);
    else if (rc == 0)
        rc = parse_classes(names.list, out, err);
    if (names.owned)
        json_decref(names.list);
    if (rc != 0 || out->task == NJ_TASK_RECOGNISE)
        return rc;
    rc = parse_groups(json_object_get(root, "groups"), out, err);
    return rc != 0 ? rc : parse_label_map(json_object_get(root, "label_map"), out, err);
}
