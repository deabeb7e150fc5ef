// SPDX-License-Identifier: Apache-2.0
// pipeline.json: where each member lands, and each mistake with its path and words.
#include "archives/spec.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int spec_test(void);

// A document with everything; each mistake below replaces one piece of it.
static const char whole[] =
    "{\"redis\":{\"host\":\"10.0.0.9\",\"port\":6379,\"password\":\"env:REDIS_PW\",\"db\":2},"
    "\"postgresql\":{\"host\":\"db.lan\",\"port\":5432,\"database\":\"inference\","
    "\"username\":\"worker\",\"password\":\"file:/run/secret\"},"
    "\"pipeline\":{\"modelId\":\"frontal\",\"modelFile\":\"frontal.pt\",\"crop\":false,"
    "\"triggerClasses\":[\"Car\",\"Frontal\"],\"minConfidence\":0.8,\"multiClass\":true,"
    "\"expectedClasses\":[\"Car\"],\"parallel\":true,\"partial_branches\":\"all\","
    "\"tracking\":{\"enabled\":true,\"method\":\"botsort\",\"reidConfig\":\"botsort.yaml\","
    "\"stabilityThreshold\":4,\"config\":{\"track_high_thresh\":0.5,\"track_low_thresh\":0.1,"
    "\"new_track_thresh\":0.6,\"max_age\":30,\"n_init\":3,\"nn_budget\":100}},"
    "\"actions\":[{\"type\":\"redis_save_image\",\"region\":\"Frontal\","
    "\"key\":\"inference:{display_id}:{filename}\",\"expire_seconds\":600,\"format\":\"png\","
    "\"quality\":80},"
    "{\"type\":\"redis_publish\",\"channel\":\"cars\",\"message\":\"{\\\"id\\\":"
    "\\\"{session_id}\\\"}\"},"
    "{\"type\":\"postgresql_create_record\",\"table\":\"s.t\",\"fields\":{\"display_id\":"
    "\"{display_id}\"}},"
    "{\"type\":\"publish_message\",\"topic\":\"cars\",\"message\":\"seen\"},"
    "{\"type\":\"http_post\",\"url\":\"https://example.org/x\",\"body\":\"{class}\"}],"
    "\"branches\":[{\"modelId\":\"brand\",\"modelFile\":\"brand.onnx\",\"crop\":true,"
    "\"cropClass\":\"Frontal\",\"resizeTarget\":[224,192],\"triggerClasses\":[\"Frontal\"],"
    "\"minConfidence\":0.85,\"timeout_seconds\":2.5,\"straighten\":true,\"branches\":["
    "{\"modelId\":\"deep\",\"modelFile\":\"deep.onnx\",\"triggerClasses\":[\"x\"]}]},"
    "{\"modelId\":\"body\",\"modelFile\":\"body.onnx\"}],"
    "\"parallelActions\":[{\"type\":\"postgresql_update_combined\",\"table\":\"info\","
    "\"key_field\":\"session_id\",\"key_value\":\"{session_id}\","
    "\"waitForBranches\":[\"brand\",\"deep\"],"
    "\"fields\":{\"car_brand\":\"{brand.brand}\",\"updated_at\":\"NOW()\"}}]}}";

static struct nj_spec *parse(const char *json)
{
    struct nj_spec *spec = NULL;
    struct nj_error err = {0};
    if (nj_spec_parse(json, strlen(json), &spec, &err) != 0)
        fail_msg("%s", err.text);
    return spec;
}

static bool warns(const struct nj_spec *spec, const char *text)
{
    for (size_t i = 0; i < spec->warnings.count; i++) {
        if (strstr(spec->warnings.items[i], text) != NULL)
            return true;
    }
    return false;
}

static void every_member_of_a_node_lands_in_its_field(void **state)
{
    (void)state;
    struct nj_spec *spec = parse(whole);
    const struct nj_spec_node *root = &spec->root;
    assert_int_equal(spec->node_count, 4);
    assert_string_equal(root->model_id, "frontal");
    assert_string_equal(root->model_file, "frontal.pt");
    assert_string_equal(root->path, "pipeline");
    assert_false(root->crop);
    assert_true(root->multi_class);
    assert_true(root->parallel);
    assert_int_equal(root->partial, NJ_PARTIAL_ALL);
    assert_float_equal(root->min_confidence, 0.8, 0);
    assert_int_equal(root->trigger_classes.count, 2);
    assert_string_equal(root->trigger_classes.items[1], "Frontal");
    assert_string_equal(root->expected_classes.items[0], "Car");
    assert_string_equal(root->crop_class, ""); // what triggered it
    assert_int_equal(root->timeout_us, 30 * NJ_US_PER_S);

    const struct nj_spec_node *brand = nj_spec_find(spec, "brand");
    assert_ptr_equal(brand, &root->branches[0]);
    assert_true(brand->crop);
    assert_true(brand->straighten);
    assert_string_equal(brand->crop_class, "Frontal");
    assert_int_equal(brand->resize_width, 224);
    assert_int_equal(brand->resize_height, 192);
    assert_int_equal(brand->timeout_us, 2500000);
    assert_int_equal(brand->partial, NJ_PARTIAL_ANY);
    assert_string_equal(brand->branches[0].path, "pipeline.branches[0].branches[0]");
    assert_true(root->branches[1].min_confidence < 0); // not given
    nj_spec_destroy(spec);
}

static void nodes_are_numbered_in_reading_order(void **state)
{
    (void)state;
    static const char *const order[] = {"frontal", "brand", "deep", "body"};
    struct nj_spec *spec = parse(whole);
    for (size_t i = 0; i < NJ_COUNT_OF(order); i++)
        assert_int_equal(nj_spec_find(spec, order[i])->index, i);
    assert_null(nj_spec_find(spec, "nobody"));
    nj_spec_destroy(spec);
}

static void every_member_of_an_action_lands_in_its_field(void **state)
{
    (void)state;
    struct nj_spec *spec = parse(whole);
    const struct nj_spec_action *actions = spec->root.actions;
    assert_int_equal(spec->root.action_count, 5);
    assert_int_equal(actions[0].kind, NJ_ACTION_REDIS_SAVE_IMAGE);
    assert_string_equal(actions[0].path, "pipeline.actions[0]");
    assert_string_equal(actions[0].region, "Frontal");
    assert_true(actions[0].png);
    assert_int_equal(actions[0].quality, 80);
    assert_int_equal(actions[0].expire_seconds, 600);
    assert_string_equal(nj_template_name(actions[0].key, 1), "filename");
    assert_string_equal(actions[1].channel, "cars");
    assert_true(nj_template_is_json(actions[1].message));
    assert_string_equal(actions[2].table, "s.t");
    assert_string_equal(actions[2].key_field, "session_id"); // not given
    assert_string_equal(nj_template_name(actions[2].key_value, 0), "session_id");
    assert_int_equal(actions[3].kind, NJ_ACTION_PUBLISH_MESSAGE);
    assert_string_equal(actions[4].channel, "https://example.org/x");
    const struct nj_spec_action *update = &spec->root.parallel_actions[0];
    assert_int_equal(spec->root.parallel_action_count, 1);
    assert_int_equal(update->wait_for.count, 2);
    assert_int_equal(update->field_count, 2);
    assert_string_equal(update->fields[0].column, "car_brand");
    assert_true(nj_template_is_now(update->fields[1].value));
    nj_spec_destroy(spec);
}

static void servers_and_tracking_land_in_their_fields(void **state)
{
    (void)state;
    struct nj_spec *spec = parse(whole);
    assert_true(spec->redis.given);
    assert_string_equal(spec->redis.host, "10.0.0.9");
    assert_int_equal(spec->redis.port, 6379);
    assert_int_equal(spec->redis.database, 2);
    assert_string_equal(spec->redis.password, "env:REDIS_PW");
    assert_string_equal(spec->postgresql.database, "inference");
    assert_string_equal(spec->postgresql.username, "worker");
    const struct nj_spec_tracking *tracking = &spec->root.tracking;
    assert_true(tracking->enabled);
    assert_int_equal(tracking->method, NJ_TRACKING_BOTSORT);
    assert_int_equal(tracking->stability_threshold, 4);
    assert_float_equal(tracking->high_score, 0.5, 0);
    assert_float_equal(tracking->new_score, 0.6, 0);
    assert_int_equal(tracking->lost_frames, 30);
    assert_int_equal(tracking->confirm_hits, 3);
    assert_true(warns(spec, "pipeline.tracking.method: each method is served by"));
    assert_true(warns(spec, "pipeline.tracking.reidConfig: is read and not used"));
    assert_true(warns(spec, "pipeline.tracking.config.nn_budget: is read and not used"));
    assert_int_equal(spec->warnings.count, 3); // references to secrets give none
    nj_spec_destroy(spec);
}

static void a_document_of_least_size_has_the_defaults(void **state)
{
    (void)state;
    struct nj_spec *spec =
        parse("{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.onnx\",\"actions\":["
              "{\"type\":\"redis_save_image\",\"key\":\"k\",\"region\":null}]}}");
    assert_false(spec->redis.given);
    assert_false(spec->postgresql.given);
    assert_int_equal(spec->warnings.count, 0);
    assert_int_equal(spec->root.branch_count, 0);
    assert_string_equal(spec->root.crop_class, "");
    assert_false(spec->root.tracking.enabled);
    assert_int_equal(spec->root.actions[0].quality, 90);
    assert_false(spec->root.actions[0].png);
    assert_int_equal(spec->root.actions[0].expire_seconds, NJ_SPEC_EXPIRE_DEFAULT);
    nj_spec_destroy(spec);
}

static void older_names_mean_the_same(void **state)
{
    (void)state;
    struct nj_spec *spec = parse("{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.onnx\","
                                 "\"useTracking\":true,\"stabilityThreshold\":3,"
                                 "\"trackingConfig\":{\"method\":\"strongsort\"}}}");
    assert_true(spec->root.tracking.enabled);
    assert_int_equal(spec->root.tracking.stability_threshold, 3);
    assert_int_equal(spec->root.tracking.method, NJ_TRACKING_STRONGSORT);
    assert_true(warns(spec, "pipeline.useTracking: an older name"));
    assert_true(warns(spec, "pipeline.stabilityThreshold: an older place"));
    assert_true(warns(spec, "pipeline.trackingConfig: an older name"));
    nj_spec_destroy(spec);
}

// `from` of the whole document becomes `to`; the error must say `says`.
static const struct {
    const char *from, *to, *says;
} mistakes[] = {
    {"\"pipeline\":{\"modelId\"", "\"pipelin\":{\"modelId\"",
     "the document: unknown key 'pipelin', did you mean 'pipeline'?"},
    {"\"modelId\":\"frontal\",", "", "pipeline.modelId: is missing"},
    {"\"modelId\":\"frontal\"", "\"modelId\":7", "pipeline.modelId: must be a text"},
    {"\"modelId\":\"frontal\"", "\"modelId\":\"\"",
     "pipeline.modelId: has 0 bytes, allowed are 1 to 127"},
    {"\"modelId\":\"frontal\"", "\"modelId\":\"a.b\"", "pipeline.modelId: 'a.b': letters"},
    {"\"modelFile\":\"frontal.pt\"", "\"modelFile\":\"../frontal.pt\"",
     "pipeline.modelFile: '../frontal.pt': a file beside pipeline.json"},
    {"\"modelFile\":\"frontal.pt\"", "\"modelFile\":\"/etc/passwd\"", "pipeline.modelFile"},
    {"\"modelFile\":\"frontal.pt\"", "\"modelFile\":\"a.engine\"", "must end in .onnx"},
    {"\"modelFile\":\"frontal.pt\"", "\"modelFile\":\"pipeline.onnx\"", "choose another name"},
    {"\"crop\":false", "\"crop\":0", "pipeline.crop: must be true or false"},
    {"\"crop\":false", "\"crop\":false,\"cropp\":1",
     "pipeline: unknown key 'cropp', did you mean 'crop'?"},
    {"\"crop\":false", "\"crop\":false,\"modelID\":\"x\"", "did you mean 'modelId'?"},
    {"\"crop\":false", "\"crop\":false,\"completely_else\":1",
     "pipeline: unknown key 'completely_else'"},
    {"[\"Car\",\"Frontal\"]", "\"Car\"", "pipeline.triggerClasses: must be a list of texts"},
    {"[\"Car\",\"Frontal\"]", "[\"Car\",7]", "pipeline.triggerClasses[1]: must be a text"},
    {"[\"Car\",\"Frontal\"]", "[\"\"]", "pipeline.triggerClasses[0]: must be a text of 1 to 127"},
    {"\"minConfidence\":0.85", "\"minConfidence\":1.5",
     "pipeline.branches[0].minConfidence: must be a number from 0 to 1"},
    {"\"minConfidence\":0.85", "\"minConfidence\":-0.1", "pipeline.branches[0].minConfidence"},
    {"\"minConfidence\":0.85", "\"minConfidence\":\"0.85\"", "must be a number from 0 to 1"},
    {"[224,192]", "[224]", "pipeline.branches[0].resizeTarget: must be [width, height]"},
    {"[224,192]", "[224,0]", "whole numbers from 1 to 4096"},
    {"[224,192]", "[224,5000]", "whole numbers from 1 to 4096"},
    {"[224,192]", "[224.5,192]", "whole numbers from 1 to 4096"},
    {"\"timeout_seconds\":2.5", "\"timeout_seconds\":0",
     "pipeline.branches[0].timeout_seconds: must be a number from 0.1 to 600"},
    {"\"partial_branches\":\"all\"", "\"partial_branches\":\"some\"",
     "pipeline.partial_branches: must be one of any | all"},
    {"\"method\":\"botsort\"", "\"method\":\"deepsort\"",
     "pipeline.tracking.method: must be one of bytetrack | botsort | strongsort"},
    {"\"stabilityThreshold\":4", "\"stabilityThreshold\":4.5",
     "pipeline.tracking.stabilityThreshold: must be a whole number from 0 to 1000"},
    {"\"n_init\":3", "\"n_init\":0", "pipeline.tracking.config.n_init"},
    {"\"n_init\":3", "\"n_innit\":3", "did you mean 'n_init'?"},
    {"\"n_init\":3", "\"track_buffer\":9", "'max_age' and 'track_buffer' are one thing"},
    {"\"nn_budget\":100", "\"nn_budget\":{}", "pipeline.tracking.config.nn_budget: must be"},
    {"\"tracking\":{", "\"trackingConfig\":{},\"tracking\":{",
     "pipeline.trackingConfig: 'tracking' is given already"},
    {"\"type\":\"redis_save_image\"", "\"type\":\"redis_save_imag\"",
     "pipeline.actions[0]: there is no action 'redis_save_imag', did you mean "
     "'redis_save_image'?"},
    {"\"type\":\"redis_save_image\",", "", "pipeline.actions[0]: 'type' is missing"},
    {"\"quality\":80", "\"quality\":101",
     "pipeline.actions[0].quality: must be a whole number from 1 to 100"},
    {"\"format\":\"png\"", "\"format\":\"gif\"", "must be one of jpeg | png"},
    {"\"expire_seconds\":600", "\"expire_seconds\":-1", "pipeline.actions[0].expire_seconds"},
    {"{filename}", "{filename", "pipeline.actions[0].key: template, at byte 24: '{' is not"},
    {"\"key\":\"inference:{display_id}:{filename}\"", "\"key\":\"\"",
     "pipeline.actions[0].key: must not be empty"},
    {"\"channel\":\"cars\"", "\"channel\":\"ca\\u0007rs\"", "control characters"},
    {"\"channel\":\"cars\",", "", "pipeline.actions[1].channel: is missing"},
    {"\\\"{session_id}\\\"}", "\\\"{session_id}\\\"", "pipeline.actions[1].message: template"},
    {"\"s.t\"", "\"s.t; DROP TABLE x\"", "pipeline.actions[2].table: 's.t; DROP TABLE x'"},
    {"\"s.t\"", "\"a.b.c\"", "pipeline.actions[2].table"},
    {"\"s.t\"", "\"t\\\"; --\"", "pipeline.actions[2].table"},
    {"\"s.t\"", "\".t\"", "pipeline.actions[2].table"},
    {"\"s.t\"", "\"1t\"", "begin with no digit"},
    {"\"s.t\"", "\"a123456789a123456789a123456789a123456789a123456789a123456789abcd\"", "1 to 63"},
    {"\"display_id\":\"{display_id}\"", "\"a b\":\"\"", "pipeline.actions[2].fields: 'a b'"},
    {"\"display_id\":\"{display_id}\"", "\"a\":1", "pipeline.actions[2].fields: 'a': must be"},
    {"\"display_id\":\"{display_id}\"", "", "must be an object of columns"},
    {"\"display_id\":\"{display_id}\"", "\"session_id\":\"x\"", "'session_id' is the key_field"},
    {"https://example.org/x", "file:///etc/passwd",
     "pipeline.actions[4].url: 'file:///etc/passwd': must begin with http:// or https://"},
    {"https://example.org/x", "https://me:hunter2@example.org/x?token=hunter3",
     "pipeline.actions[4].url: 'https://***@example.org/x?token=***': must not hold a user"},
    {"\"url\":\"https://example.org/x\"", "\"url\":\"https://example.org/x\",\"topic\":\"y\"",
     "pipeline.actions[4]: unknown key 'topic'"},
    {"\"key_field\":\"session_id\",", "", "pipeline.parallelActions[0].key_field: is missing"},
    {"\"brand\",\"deep\"]", "\"brand\",\"depth\"]",
     "pipeline.parallelActions[0].waitForBranches[1]: 'depth' is no branch below 'frontal'"},
    {"\"brand\",\"deep\"]", "\"frontal\"]", "'frontal' is no branch below 'frontal'"},
    {"\"table\":\"s.t\"", "\"table\":\"s.t\",\"waitForBranches\":[\"brand\"]",
     "pipeline.actions[2]: unknown key 'waitForBranches'"},
    {"{\"type\":\"publish_message\",\"topic\":\"cars\",\"message\":\"seen\"}",
     "{\"type\":\"postgresql_update\",\"table\":\"t\",\"key_field\":\"k\",\"key_value\":\"v\","
     "\"fields\":{\"a\":\"b\"},\"waitForBranches\":[\"brand\"]}",
     "pipeline.actions[3].waitForBranches: 'actions' run before the branches"},
    {"\"modelId\":\"deep\"", "\"modelId\":\"brand\"",
     "pipeline.branches[0].branches[0].modelId: 'brand' stands already at pipeline.branches[0]"},
    {"{\"modelId\":\"body\",\"modelFile\":\"body.onnx\"}", "7",
     "pipeline.branches[1]: must be an object"},
    {"\"port\":6379", "\"port\":0", "redis.port: must be a whole number from 1 to 65535"},
    {"\"port\":6379", "\"port\":6379.5", "redis.port: must be a whole number"},
    {"\"host\":\"10.0.0.9\"", "\"host\":\"a b\"", "redis.host: 'a b'"},
    {"\"env:REDIS_PW\"", "\"env:\"", "redis.password: 'env:'"},
    {"\"file:/run/secret\"", "\"file:run\"", "behind file: stands an absolute path"},
    {"\"username\":\"worker\",", "", "postgresql.username: is missing"},
    {"\"postgresql\":{", "\"postgresql\":{\"schema\":\"x\",", "postgresql: unknown key 'schema'"},
    {"\"redis\":{", "\"redis\":[],\"x\":{", "unknown key 'x'"},
};

static void each_mistake_has_its_path_and_what_is_allowed(void **state)
{
    (void)state;
    static char json[2 * sizeof whole];
    for (size_t i = 0; i < NJ_COUNT_OF(mistakes); i++) {
        const char *at = strstr(whole, mistakes[i].from);
        if (at == NULL)
            fail_msg("'%s' is not in the document", mistakes[i].from);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - whole), whole, mistakes[i].to,
                 at + strlen(mistakes[i].from));
        struct nj_spec *spec = NULL;
        struct nj_error err = {0};
        const int rc = nj_spec_parse(json, strlen(json), &spec, &err);
        if (rc == 0 || strstr(err.text, mistakes[i].says) == NULL)
            fail_msg("%s: %d '%s' does not say '%s'", mistakes[i].to, rc, err.text,
                     mistakes[i].says);
        assert_int_equal(rc, err.code);
        assert_null(spec);
    }
}

static const struct {
    const char *from, *to, *says;
} warned[] = {
    {"\"env:REDIS_PW\"", "\"hunter2\"", "redis: the password stands here in plain text"},
    {"\"file:/run/secret\"", "\"hunter2\"", "postgresql: the password stands here in plain text"},
    {"{display_id}:{filename}", "{displayid}:{filename}",
     "pipeline.actions[0]: '{displayid}' is not known, did you mean 'display_id'?"},
    {"{brand.brand}", "{brnd.brand}",
     "pipeline.parallelActions[0]: '{brnd.brand}': this archive has no model of that name"},
};

static void what_only_may_be_wrong_is_a_warning(void **state)
{
    (void)state;
    static char json[2 * sizeof whole];
    for (size_t i = 0; i < NJ_COUNT_OF(warned); i++) {
        const char *at = strstr(whole, warned[i].from);
        assert_non_null(at);
        snprintf(json, sizeof json, "%.*s%s%s", (int)(at - whole), whole, warned[i].to,
                 at + strlen(warned[i].from));
        struct nj_spec *spec = parse(json);
        if (!warns(spec, warned[i].says))
            fail_msg("no warning '%s'", warned[i].says);
        assert_int_equal(spec->warnings.count, 4);
        for (size_t k = 0; k < spec->warnings.count; k++)
            assert_null(strstr(spec->warnings.items[k], "hunter2"));
        nj_spec_destroy(spec);
    }
}

// A chain of `depth` nodes, each the only branch of the one before.
static char *chain(size_t depth)
{
    char *json = malloc(depth * 64 + 64);
    assert_non_null(json);
    size_t length = (size_t)sprintf(json, "{\"pipeline\":");
    for (size_t i = 0; i < depth; i++)
        length += (size_t)sprintf(
            json + length, "{\"modelId\":\"m%zu\",\"modelFile\":\"m.onnx\",\"branches\":[", i);
    for (size_t i = 0; i < depth; i++)
        length += (size_t)sprintf(json + length, "]}");
    strcpy(json + length, "}");
    return json;
}

static void depth_is_limited_at_the_last_that_fits(void **state)
{
    (void)state;
    static const struct {
        size_t depth;
        int rc;
        const char *says;
    } cases[] = {
        {NJ_SPEC_DEPTH_MAX, 0, ""},
        {NJ_SPEC_DEPTH_MAX + 1, NJ_E_TOO_BIG, "branches are nested deeper than 8 levels"},
        {1000, NJ_E_TOO_BIG, "JSON is nested deeper than 64 levels at line 1"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char *json = chain(cases[i].depth);
        struct nj_spec *spec = NULL;
        struct nj_error err = {0};
        assert_int_equal(nj_spec_parse(json, strlen(json), &spec, &err), cases[i].rc);
        assert_non_null(strstr(err.text, cases[i].says));
        nj_spec_destroy(spec);
        free(json);
    }
}

// A root with `count` branches, or with as many actions.
static int parse_many(size_t count, bool nodes, struct nj_error *err)
{
    char *json = malloc(count * 80 + 128);
    assert_non_null(json);
    size_t length = (size_t)sprintf(json,
                                    "{\"pipeline\":{\"modelId\":\"r\",\"modelFile\":"
                                    "\"r.onnx\",\"%s\":[",
                                    nodes ? "branches" : "actions");
    for (size_t i = 0; i < count; i++)
        length += (size_t)sprintf(
            json + length,
            nodes ? "%s{\"modelId\":\"m%zu\",\"modelFile\":\"m.onnx\"}"
                  : "%s{\"type\":\"redis_publish\",\"channel\":\"c%zu\",\"message\":\"\"}",
            i > 0 ? "," : "", i);
    strcpy(json + length, "]}}");
    struct nj_spec *spec = NULL;
    const int rc = nj_spec_parse(json, strlen(json), &spec, err);
    nj_spec_destroy(spec);
    free(json);
    return rc;
}

static void counts_are_limited_at_the_last_that_fits(void **state)
{
    (void)state;
    struct nj_error err = {0};
    assert_int_equal(parse_many(NJ_SPEC_NODES_MAX - 1, true, &err), 0); // and the root
    assert_int_equal(parse_many(NJ_SPEC_NODES_MAX, true, &err), NJ_E_TOO_BIG);
    assert_string_equal(err.text, "pipeline.branches[63]: an archive has at most 64 nodes");
    assert_int_equal(parse_many(NJ_SPEC_NAMES_MAX + 1, true, &err), NJ_E_TOO_BIG);
    assert_int_equal(parse_many(NJ_SPEC_ACTIONS_MAX, false, &err), 0);
    assert_int_equal(parse_many(NJ_SPEC_ACTIONS_MAX + 1, false, &err), NJ_E_TOO_BIG);
    assert_string_equal(err.text, "pipeline.actions: has 33 entries, at most 32 are taken");
}

static void too_large_a_document_is_refused(void **state)
{
    (void)state;
    char *json = calloc(1, NJ_SPEC_JSON_MAX + 2);
    struct nj_spec *spec = NULL;
    struct nj_error err = {0};
    assert_non_null(json);
    memset(json, ' ', NJ_SPEC_JSON_MAX + 1);
    assert_int_equal(nj_spec_parse(json, NJ_SPEC_JSON_MAX + 1, &spec, &err), NJ_E_TOO_BIG);
    assert_int_equal(nj_spec_parse("[]", 2, &spec, &err), NJ_E_INVALID);
    assert_string_equal(err.text, "the document: must be an object");
    free(json);
}

int spec_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_of_a_node_lands_in_its_field),
        cmocka_unit_test(nodes_are_numbered_in_reading_order),
        cmocka_unit_test(every_member_of_an_action_lands_in_its_field),
        cmocka_unit_test(servers_and_tracking_land_in_their_fields),
        cmocka_unit_test(a_document_of_least_size_has_the_defaults),
        cmocka_unit_test(older_names_mean_the_same),
        cmocka_unit_test(each_mistake_has_its_path_and_what_is_allowed),
        cmocka_unit_test(what_only_may_be_wrong_is_a_warning),
        cmocka_unit_test(depth_is_limited_at_the_last_that_fits),
        cmocka_unit_test(counts_are_limited_at_the_last_that_fits),
        cmocka_unit_test(too_large_a_document_is_refused),
    };
    return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
