// SPDX-License-Identifier: Apache-2.0
// Random trees on random sights: what the executor did is what a plain recursion over the same tree
// says, written without looking at how the executor does it.
#include "pipeline/executor.h"

#include "tests/fake/progress.h"
#include "tests/fake/world/world.h"
#include "util/buf.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int executor_random_test(void);

enum { TREES = 40, TREES_MAX = 2000, NODES_MAX = 12, CHILDREN_MAX = 3, SEED = 20260122 };
enum file { CAR, PLATE, BRAND, BODY, FILES };
enum sight { NOTHING, SEEN, UNSURE, BROKEN };

static const char *const names[FILES] = {"car", "plate", "brand", "body"};
static const char *const classes[FILES] = {"Car", "Plate", "Honda", "Sedan"};

struct node {
    int number, parent, depth;
    enum file file;
    int children[CHILDREN_MAX], child_count;
    bool any_class, other_class; // triggerClasses empty; of a class nobody sees
    double least;                // minConfidence; negative: none
    bool parallel, all, expects; // expects: multiClass of a class nobody sees
    int waits[NODES_MAX], wait_count;
    // By the recursion:
    bool runs, probed, acts, updates;
    enum sight sight;
};

struct tree {
    struct nj_rng rng;
    struct node nodes[NODES_MAX];
    int count;
    double sure[FILES]; // confidence of what each model sees; 0: nothing
    bool broken[FILES];
    bool refused;
};

static bool chance(struct tree *tree, double part)
{
    return nj_rng_uniform(&tree->rng) < part;
}

static int add_node(struct tree *tree, int parent, int depth)
{
    static const double leasts[] = {-1, .6, .8};
    const int number = tree->count++;
    struct node *node = &tree->nodes[number];
    *node = (struct node){.number = number, .parent = parent, .depth = depth};
    node->file = depth == 0 ? CAR : (enum file)(1 + nj_rng_below(&tree->rng, FILES - 1));
    node->any_class = chance(tree, .3);
    node->other_class = depth > 0 && !node->any_class && chance(tree, .1);
    node->least = leasts[nj_rng_below(&tree->rng, 3)];
    node->parallel = chance(tree, .5);
    node->all = chance(tree, .4);
    node->expects = chance(tree, .05);
    while (depth < 3 && node->child_count < CHILDREN_MAX && tree->count < NODES_MAX &&
           chance(tree, depth == 0 ? .8 : .4)) {
        const int child = add_node(tree, number, depth + 1);
        node->children[node->child_count++] = child;
    }
    return number;
}

static bool is_below(const struct tree *tree, int number, int top)
{
    for (int at = tree->nodes[number].parent; at >= 0; at = tree->nodes[at].parent) {
        if (at == top)
            return true;
    }
    return false;
}

static void make_tree(struct tree *tree, uint64_t seed)
{
    static const double sures[] = {0, .5, .7, .9};
    *tree = (struct tree){0};
    nj_rng_seed(&tree->rng, seed);
    for (int file = 0; file < FILES; file++) {
        tree->sure[file] = sures[1 + nj_rng_below(&tree->rng, 3)];
        tree->broken[file] = file != CAR && chance(tree, .1);
    }
    if (chance(tree, .2))
        tree->sure[PLATE] = 0;
    add_node(tree, -1, 0);
    for (int top = 0; top < tree->count; top++) {
        for (int number = 0; number < tree->count; number++) {
            if (is_below(tree, number, top) && chance(tree, .2))
                tree->nodes[top].waits[tree->nodes[top].wait_count++] = number;
        }
    }
}

static void write_node(const struct tree *tree, int number, struct nj_buf *out)
{
    const struct node *node = &tree->nodes[number];
    const char *parent_class = node->parent >= 0 ? classes[tree->nodes[node->parent].file] : "Car";
    nj_buf_printf(out, "{\"modelId\":\"n%d\",\"modelFile\":\"%s.onnx\",\"crop\":false,", number,
                  names[node->file]);
    nj_buf_printf(out, "\"triggerClasses\":[%s%s%s],", node->any_class ? "" : "\"",
                  node->any_class     ? ""
                  : node->other_class ? "Unicorn"
                                      : parent_class,
                  node->any_class ? "" : "\"");
    if (node->least >= 0)
        nj_buf_printf(out, "\"minConfidence\":%.2f,", node->least);
    if (node->expects)
        nj_buf_append_text(out, "\"multiClass\":true,\"expectedClasses\":[\"Unicorn\"],");
    nj_buf_printf(out, "\"parallel\":%s,\"partial_branches\":\"%s\",",
                  node->parallel ? "true" : "false", node->all ? "all" : "any");
    nj_buf_printf(out,
                  "\"actions\":[{\"type\":\"publish_message\",\"topic\":\"n%d\","
                  "\"message\":\"acted\"}],",
                  number);
    nj_buf_printf(out,
                  "\"parallelActions\":[{\"type\":\"postgresql_update_combined\","
                  "\"table\":\"t%d\",\"key_field\":\"id\",\"key_value\":\"{camera_id}\","
                  "\"fields\":{\"v\":\"yes\"},\"waitForBranches\":[",
                  number);
    for (int i = 0; i < node->wait_count; i++)
        nj_buf_printf(out, "%s\"n%d\"", i > 0 ? "," : "", node->waits[i]);
    nj_buf_append_text(out, "]}],\"branches\":[");
    for (int i = 0; i < node->child_count; i++) {
        nj_buf_append_text(out, i > 0 ? "," : "");
        write_node(tree, node->children[i], out);
    }
    nj_buf_append_text(out, "]}");
}

static void write_script(const struct tree *tree, struct nj_buf *out)
{
    nj_buf_append_text(out, "{");
    for (int file = 0; file < FILES; file++) {
        nj_buf_printf(out, "%s\"%s\":", file > 0 ? "," : "", names[file]);
        if (tree->broken[file])
            nj_buf_append_text(out, "\"broken\"");
        else if (tree->sure[file] > 0)
            nj_buf_printf(out,
                          "[[{\"class\":\"%s\",\"confidence\":%.2f,\"bbox\":{\"x\":10,\"y\":10,"
                          "\"width\":100,\"height\":100}}]]",
                          classes[file], tree->sure[file]);
        else
            nj_buf_append_text(out, "[[]]");
    }
    nj_buf_append_text(out, "}");
}

// What the rules say.

static enum sight sight_of(const struct tree *tree, const struct node *node)
{
    const double sure = tree->sure[node->file];
    if (tree->broken[node->file])
        return BROKEN;
    if (sure <= 0)
        return NOTHING;
    const bool classifies = node->file == BRAND || node->file == BODY;
    // A root's threshold is for what it sees, a classifier's too; of another branch it is for what
    // triggers it.
    if (classifies && sure < node->least)
        return UNSURE;
    return node->depth == 0 && sure < node->least ? NOTHING : SEEN;
}

static bool is_triggered(const struct tree *tree, const struct node *node)
{
    const struct node *parent = &tree->nodes[node->parent];
    return !node->other_class && tree->sure[parent->file] >= node->least;
}

// Looked at before any effect: what stands between the root and a branch that the root waits for.
static void probe(struct tree *tree)
{
    const struct node *root = &tree->nodes[0];
    for (int number = 1; number < tree->count; number++) {
        struct node *node = &tree->nodes[number];
        bool between = false;
        for (int i = 0; i < root->wait_count; i++)
            between = between || is_below(tree, root->waits[i], number);
        const struct node *parent = &tree->nodes[node->parent];
        const bool reached = node->parent == 0 || (parent->probed && parent->sight == SEEN);
        node->probed = between && reached && is_triggered(tree, node);
        if (node->probed)
            node->sight = sight_of(tree, node);
    }
}

static bool way_is_open(const struct tree *tree, int waited, int top)
{
    for (int at = waited; at != top; at = tree->nodes[at].parent) {
        const struct node *parent = &tree->nodes[tree->nodes[at].parent];
        if (parent->number != top && (!parent->probed || parent->sight == BROKEN))
            continue; // not known
        if (parent->number != top && parent->sight != SEEN)
            return false;
        if (!is_triggered(tree, &tree->nodes[at]))
            return false;
    }
    return true;
}

static bool may_act(const struct tree *tree, const struct node *node)
{
    for (int i = 0; i < node->wait_count; i++) {
        if (!way_is_open(tree, node->waits[i], node->number))
            return false;
    }
    return !node->expects;
}

static void act(struct tree *tree, struct node *node)
{
    int there = 0;
    node->acts = true;
    for (int i = 0; i < node->child_count; i++) {
        struct node *child = &tree->nodes[node->children[i]];
        child->runs = is_triggered(tree, child);
        child->sight = child->runs ? sight_of(tree, child) : NOTHING;
        if (child->sight != SEEN)
            continue;
        if (may_act(tree, child))
            act(tree, child);
        else
            child->sight = NOTHING;
    }
    for (int i = 0; i < node->wait_count; i++) {
        const struct node *waited = &tree->nodes[node->waits[i]];
        there += waited->runs && waited->sight == SEEN;
    }
    node->updates = node->wait_count == 0 || (node->all ? there == node->wait_count : there > 0);
}

static void judge(struct tree *tree)
{
    struct node *root = &tree->nodes[0];
    root->sight = sight_of(tree, root);
    root->runs = true;
    tree->refused = root->sight != SEEN || root->expects;
    if (tree->refused)
        return;
    probe(tree);
    tree->refused = !may_act(tree, root);
    if (!tree->refused)
        act(tree, root);
}

// What was done.

static bool was_told(const struct world *world, int number)
{
    char channel[64];
    snprintf(channel, sizeof channel, "\"channel\":\"n%d\"", number);
    for (size_t i = 0; i < world->message_count; i++) {
        if (strstr(world->messages[i], channel) != NULL)
            return true;
    }
    return false;
}

static const char *result_of(const json_t *branches, const struct node *node, char id[16])
{
    snprintf(id, 16, "n%d", node->number);
    const json_t *result = json_object_get(branches, id);
    if (result == NULL)
        return "none";
    if (json_object_get(result, "type") != NULL)
        return "error";
    return json_is_null(json_object_get(result, "class")) ? "unsure" : "seen";
}

static void compare(struct world *world, const struct tree *tree, uint64_t seed)
{
    static const char *const expected[] = {"none", "seen", "unsure", "error"};
    json_t *branches = world_json(world->branch_results);
    if (world->result.rc != 0 || world->result.found == tree->refused)
        fail_msg("seed %llu: found %d, %s", (unsigned long long)seed, (int)world->result.found,
                 world->result.why_not);
    for (int number = 0; number < tree->count; number++) {
        const struct node *node = &tree->nodes[number];
        char table[16], id[16];
        snprintf(table, sizeof table, "t%d", number);
        const enum sight sight = node->runs && !tree->refused ? node->sight : NOTHING;
        const char *result = result_of(branches, node, id);
        if (number > 0 && strcmp(result, expected[sight]) != 0)
            fail_msg("seed %llu: %s is %s, not %s", (unsigned long long)seed, id, result,
                     expected[sight]);
        if (was_told(world, number) != node->acts)
            fail_msg("seed %llu: %s acted otherwise", (unsigned long long)seed, id);
        if ((world_record(world, table, world->run.camera_id) != NULL) != node->updates)
            fail_msg("seed %llu: %s updated otherwise", (unsigned long long)seed, id);
    }
    json_decref(branches);
}

static void forget_messages(struct world *world)
{
    for (size_t i = 0; i < world->message_count; i++)
        free(world->messages[i]);
    world->message_count = 0;
}

static void run_tree(struct world *world, const struct tree *tree)
{
    struct nj_buf pipeline, script;
    nj_buf_init(&pipeline, 1 << 20);
    nj_buf_init(&script, 1 << 16);
    nj_buf_append_text(&pipeline, "{\"pipeline\":");
    write_node(tree, 0, &pipeline);
    nj_buf_append_text(&pipeline, "}");
    write_script(tree, &script);
    world_load(world, pipeline.data, script.data);
    world_run(world);
    for (int i = 0; i < 3; i++)
        world_turn(world); // what was told is on its way
    nj_buf_finish(&pipeline);
    nj_buf_finish(&script);
}

static uint64_t number_from(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static void trees_do_what_the_rules_say(void **state)
{
    struct world *world = *state;
    struct tree *tree = calloc(1, sizeof *tree);
    const uint64_t first = number_from("NJ_SIM_FIRST", SEED);
    const uint64_t wanted = number_from("NJ_SIM_SEEDS", TREES);
    const uint64_t trees = wanted < TREES_MAX ? wanted : TREES_MAX; // each packs an archive
    uint64_t found = 0;
    struct nj_progress progress;
    assert_non_null(tree);
    world_start(world);
    nj_progress_begin(&progress, "random trees", trees);
    for (uint64_t seed = first; seed < first + trees; seed++) {
        char camera[32];
        snprintf(camera, sizeof camera, "c%llu", (unsigned long long)seed);
        world->camera_id = camera;
        make_tree(tree, seed);
        judge(tree);
        run_tree(world, tree);
        compare(world, tree, seed);
        forget_messages(world);
        found += world->result.found;
        nj_progress_tell(&progress, seed - first + 1);
    }
    if (trees >= TREES)
        assert_in_range(found, trees / 5, trees - trees / 5); // both happen
    free(tree);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int executor_random_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(trees_do_what_the_rules_say),
    };
    return cmocka_run_group_tests_name("executor_random", tests, NULL, NULL);
}
