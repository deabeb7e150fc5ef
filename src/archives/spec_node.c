// SPDX-License-Identifier: Apache-2.0
// Members of a node and of its tracking, the older names included.
#include "archives/spec_priv.h"

#include "util/mem.h"
#include "util/text.h"

#include <string.h>

enum { SIDE_MAX_PX = 4096, STABILITY_MAX = 1000, LOST_FRAMES_MAX = 100000, TIMEOUT_MAX_S = 600 };

// A node while it is read, with what older documents say beside it.
struct node_reading {
    struct nj_spec_node node;
    bool tracking_given, use_given, use_tracking;
    int64_t stability_threshold;
};

static const char *wrong_id(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return text[strspn(text, allowed)] == '\0' ? NULL : "letters, digits, '_' and '-' are allowed";
}

static const char *wrong_file(const char *text)
{
    const char *dot = strrchr(text, '.');
    if (strpbrk(text, "/\\:") != NULL || text[0] == '.')
        return "a file beside pipeline.json is meant, without a folder";
    if (dot == NULL || (strcmp(dot, ".onnx") != 0 && strcmp(dot, ".pt") != 0))
        return "must end in .onnx, or in .pt where an .onnx of the same name lies beside it";
    if ((size_t)(dot - text) == strlen("pipeline") && strncmp(text, "pipeline", 8) == 0)
        return "its manifest would be pipeline.json; choose another name";
    return NULL;
}

static int read_scalar(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    (void)object;
    if (json_is_object(value) || json_is_array(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a number, a text, true or false");
    return 0;
}

// StrongSORT says max_age where the others say track_buffer.
struct tracker_config {
    struct nj_spec_tracking tracking;
    int64_t max_age;
};

#define AT(member) offsetof(struct tracker_config, tracking.member)
#define UNUSED(key)                                                                                \
    {                                                                                              \
        .name = (key), .kind = NJ_MEMBER_OTHER, .read = read_scalar,                               \
        .note = "is read and not used: Nightjar's tracker has no such part"                        \
    }

static const struct nj_member config_items[] = {
    {.name = "track_high_thresh", .kind = NJ_MEMBER_NUMBER, .offset = AT(high_score), .max = 1},
    {.name = "track_low_thresh", .kind = NJ_MEMBER_NUMBER, .offset = AT(low_score), .max = 1},
    {.name = "new_track_thresh", .kind = NJ_MEMBER_NUMBER, .offset = AT(new_score), .max = 1},
    {.name = "track_buffer",
     .kind = NJ_MEMBER_INT64,
     .offset = AT(lost_frames),
     .min = 1,
     .max = LOST_FRAMES_MAX},
    {.name = "n_init",
     .kind = NJ_MEMBER_INT64,
     .offset = AT(confirm_hits),
     .min = 1,
     .max = STABILITY_MAX},
    {.name = "max_age",
     .kind = NJ_MEMBER_INT64,
     .offset = offsetof(struct tracker_config, max_age),
     .min = 1,
     .max = LOST_FRAMES_MAX},
    UNUSED("max_cos_dist"),
    UNUSED("max_iou_dist"),
    UNUSED("max_unmatched_preds"),
    UNUSED("nn_budget"),
    UNUSED("mc_lambda"),
    UNUSED("ema_alpha"),
    UNUSED("match_thresh"),
    UNUSED("fuse_score"),
    UNUSED("gmc"),
    UNUSED("gmc_method"),
    UNUSED("proximity_thresh"),
    UNUSED("appearance_thresh"),
    UNUSED("with_reid"),
    UNUSED("tracker_type"),
};
static const struct nj_members config_members = {config_items, NJ_COUNT_OF(config_items)};

static int read_config(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct tracker_config config = {0};
    const int rc = nj_spec_read(reader, &config_members, value, &config);
    if (rc != 0)
        return rc;
    if (config.tracking.lost_frames != 0 && config.max_age != 0)
        return nj_spec_fail(reader, NJ_E_INVALID,
                            "'max_age' and 'track_buffer' are one thing: give one of them");
    struct nj_spec_tracking *tracking = object;
    tracking->high_score = config.tracking.high_score;
    tracking->low_score = config.tracking.low_score;
    tracking->new_score = config.tracking.new_score;
    tracking->confirm_hits = config.tracking.confirm_hits;
    tracking->lost_frames = config.max_age != 0 ? config.max_age : config.tracking.lost_frames;
    return 0;
}

#undef AT
#define AT(member) offsetof(struct nj_spec_tracking, member)

static const char *const methods[] = {[NJ_TRACKING_BYTETRACK] = "bytetrack",
                                      [NJ_TRACKING_BOTSORT] = "botsort",
                                      [NJ_TRACKING_STRONGSORT] = "strongsort",
                                      NULL};

static const struct nj_member tracking_items[] = {
    {.name = "enabled", .kind = NJ_MEMBER_BOOL, .offset = AT(enabled)},
    {.name = "method",
     .kind = NJ_MEMBER_CHOICE,
     .offset = AT(method),
     .choices = methods,
     .note = "each method is served by Nightjar's own tracker"},
    UNUSED("reidModel"),
    UNUSED("reidConfig"),
    {.name = "stabilityThreshold",
     .kind = NJ_MEMBER_INT64,
     .offset = AT(stability_threshold),
     .min = 0,
     .max = STABILITY_MAX},
    {.name = "config", .kind = NJ_MEMBER_OTHER, .read = read_config},
};
static const struct nj_members tracking_members = {tracking_items, NJ_COUNT_OF(tracking_items)};
#undef AT

static int read_tracking(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct node_reading *reading = object;
    if (reading->tracking_given)
        return nj_spec_fail(reader, NJ_E_INVALID, "'tracking' is given already: leave this out");
    reading->tracking_given = true;
    return nj_spec_read(reader, &tracking_members, value, &reading->node.tracking);
}

static int read_use_tracking(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct node_reading *reading = object;
    if (!json_is_boolean(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be true or false");
    reading->use_given = true;
    reading->use_tracking = json_is_true(value);
    return 0;
}

static int read_resize(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_node *node = &((struct node_reading *)object)->node;
    int32_t sides[2] = {0, 0};
    const size_t count = json_array_size(value);
    for (size_t i = 0; i < 2; i++) {
        const json_t *side = json_array_get(value, i);
        const json_int_t px = json_integer_value(side);
        if (count != 2 || !json_is_integer(side) || px < 1 || px > SIDE_MAX_PX)
            return nj_spec_fail(reader, NJ_E_INVALID,
                                "must be [width, height], whole numbers from 1 to %d", SIDE_MAX_PX);
        sides[i] = (int32_t)px;
    }
    node->resize_width = sides[0];
    node->resize_height = sides[1];
    return 0;
}

static int read_branches(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_node *node = &((struct node_reading *)object)->node;
    const size_t count = json_array_size(value);
    if (!json_is_array(value))
        return nj_spec_fail(reader, NJ_E_INVALID, "must be a list of nodes");
    if (count > NJ_SPEC_NAMES_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "has %zu entries, at most %d are taken", count,
                            NJ_SPEC_NAMES_MAX);
    if (count == 0)
        return 0;
    int rc = nj_spec_make(reader, count, sizeof *node->branches, (void **)&node->branches);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct nj_spec_place place = nj_spec_enter(reader, NULL, i);
        node->branch_count = i + 1;
        rc = nj_spec_read_node(reader, json_array_get(value, i), &node->branches[i]);
        nj_spec_leave(reader, place);
    }
    return rc;
}

static int read_actions(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_node *node = &((struct node_reading *)object)->node;
    return nj_spec_read_actions(reader, value, &node->actions, &node->action_count);
}

static int read_parallel_actions(struct nj_spec_reader *reader, const json_t *value, void *object)
{
    struct nj_spec_node *node = &((struct node_reading *)object)->node;
    return nj_spec_read_actions(reader, value, &node->parallel_actions,
                                &node->parallel_action_count);
}

static const char *const partials[] = {[NJ_PARTIAL_ANY] = "any", [NJ_PARTIAL_ALL] = "all", NULL};

#define AT(member)   offsetof(struct node_reading, node.member)
#define SIZE(member) sizeof(((struct nj_spec_node *)0)->member)

static const struct nj_member node_items[] = {
    {.name = "modelId",
     .kind = NJ_MEMBER_TEXT,
     .required = true,
     .offset = AT(model_id),
     .size = SIZE(model_id),
     .min = 1,
     .max = SIZE(model_id) - 1,
     .wrong = wrong_id},
    {.name = "modelFile",
     .kind = NJ_MEMBER_TEXT,
     .required = true,
     .offset = AT(model_file),
     .size = SIZE(model_file),
     .min = 1,
     .max = SIZE(model_file) - 1,
     .wrong = wrong_file},
    {.name = "crop", .kind = NJ_MEMBER_BOOL, .offset = AT(crop)},
    {.name = "triggerClasses", .kind = NJ_MEMBER_NAMES, .offset = AT(trigger_classes)},
    {.name = "minConfidence",
     .kind = NJ_MEMBER_NUMBER,
     .offset = AT(min_confidence),
     .max = 1,
     .fallback = -1},
    {.name = "cropClass",
     .kind = NJ_MEMBER_TEXT,
     .offset = AT(crop_class),
     .size = SIZE(crop_class)},
    {.name = "resizeTarget", .kind = NJ_MEMBER_OTHER, .read = read_resize},
    {.name = "straighten", .kind = NJ_MEMBER_BOOL, .offset = AT(straighten)},
    {.name = "multiClass", .kind = NJ_MEMBER_BOOL, .offset = AT(multi_class)},
    {.name = "expectedClasses", .kind = NJ_MEMBER_NAMES, .offset = AT(expected_classes)},
    {.name = "parallel", .kind = NJ_MEMBER_BOOL, .offset = AT(parallel)},
    {.name = "timeout_seconds",
     .kind = NJ_MEMBER_SECONDS,
     .offset = AT(timeout_us),
     .min = 0.1,
     .max = TIMEOUT_MAX_S,
     .fallback = 30},
    {.name = "partial_branches",
     .kind = NJ_MEMBER_CHOICE,
     .offset = AT(partial),
     .choices = partials,
     .fallback = NJ_PARTIAL_ANY},
    {.name = "tracking", .kind = NJ_MEMBER_OTHER, .read = read_tracking},
    {.name = "actions", .kind = NJ_MEMBER_OTHER, .read = read_actions},
    {.name = "parallelActions", .kind = NJ_MEMBER_OTHER, .read = read_parallel_actions},
    {.name = "branches", .kind = NJ_MEMBER_OTHER, .read = read_branches},
    {.name = "trackingConfig",
     .kind = NJ_MEMBER_OTHER,
     .read = read_tracking,
     .note = "an older name of 'tracking'"},
    {.name = "useTracking",
     .kind = NJ_MEMBER_OTHER,
     .read = read_use_tracking,
     .note = "an older name of 'tracking.enabled'"},
    {.name = "stabilityThreshold",
     .kind = NJ_MEMBER_INT64,
     .offset = offsetof(struct node_reading, stability_threshold),
     .max = STABILITY_MAX,
     .note = "an older place of 'tracking.stabilityThreshold'"},
};
#undef AT
#undef SIZE
static const struct nj_members node_members = {node_items, NJ_COUNT_OF(node_items)};

// What the older members mean, where the newer ones do not say it.
static void apply_older(struct node_reading *reading)
{
    struct nj_spec_tracking *tracking = &reading->node.tracking;
    if (reading->use_given)
        tracking->enabled = reading->use_tracking;
    if (tracking->stability_threshold == 0)
        tracking->stability_threshold = reading->stability_threshold;
}

int nj_spec_read_node(struct nj_spec_reader *reader, const json_t *json, struct nj_spec_node *node)
{
    struct node_reading reading = {0};
    if (reader->spec->node_count == NJ_SPEC_NODES_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "an archive has at most %d nodes",
                            NJ_SPEC_NODES_MAX);
    if (reader->depth == NJ_SPEC_DEPTH_MAX)
        return nj_spec_fail(reader, NJ_E_TOO_BIG, "branches are nested deeper than %d levels",
                            NJ_SPEC_DEPTH_MAX);
    reading.node.index = reader->spec->node_count++;
    nj_text_copy(reading.node.path, sizeof reading.node.path, reader->path);
    reader->depth++;
    const int rc = nj_spec_read(reader, &node_members, json, &reading);
    reader->depth--;
    apply_older(&reading);
    *node = reading.node; // also half read: the spec frees it
    return rc;
}
