// SPDX-License-Identifier: Apache-2.0
// Calls of actions for tests.
#include "tests/unit/actions/actions_helper.h"

#include "tests/fake/await.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct calls *now;

static void note_end(struct nj_action_call *call)
{
    now->ended[now->ended_count++] = call;
}

static struct nj_value lookup(const void *context, const char *name)
{
    const struct calls *calls = context;
    if (strcmp(name, "session_id") == 0)
        return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = "s1"};
    if (strcmp(name, "quoted") == 0)
        return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = "a \"b\" {c}"};
    if (strcmp(name, "confidence") == 0)
        return (struct nj_value){.kind = NJ_VALUE_NUMBER, .number = .5};
    if (strcmp(name, "image_key") == 0 && calls->image_key != NULL)
        return (struct nj_value){.kind = NJ_VALUE_TEXT, .text = calls->image_key};
    return (struct nj_value){.kind = NJ_VALUE_NONE};
}

static struct nj_template *make_template(const char *text)
{
    struct nj_template *template_ = NULL;
    assert_int_equal(nj_template_parse(text, &template_, NULL), 0);
    return template_;
}

int actions_setup(void **state)
{
    now = calloc(1, sizeof *now);
    return now != NULL ? world_setup(state) : -1;
}

int actions_teardown(void **state)
{
    const int rc = world_teardown(state);
    for (size_t i = 0; i < now->count; i++) {
        struct nj_spec_action *action = &now->actions[i];
        nj_template_destroy(action->key);
        nj_template_destroy(action->message);
        nj_template_destroy(action->key_value);
        for (size_t f = 0; f < action->field_count; f++)
            nj_template_destroy(action->fields[f].value);
    }
    free(now);
    now = NULL;
    return rc;
}

static struct nj_spec_action *add(enum nj_action_kind kind)
{
    struct nj_spec_action *action = &now->actions[now->count];
    assert_true(now->count < CALLS_MAX);
    action->kind = kind;
    snprintf(action->path, sizeof action->path, "pipeline.actions[%zu]", now->count);
    now->items[now->count++].action = action;
    return action;
}

struct nj_spec_action *add_message(enum nj_action_kind kind, const char *channel,
                                   const char *message)
{
    struct nj_spec_action *action = add(kind);
    nj_text_copy(action->channel, sizeof action->channel, channel);
    action->message = make_template(message);
    return action;
}

struct nj_spec_action *add_image(const char *key)
{
    struct nj_spec_action *action = add(NJ_ACTION_REDIS_SAVE_IMAGE);
    action->key = make_template(key);
    action->quality = 90;
    action->expire_seconds = 600;
    return action;
}

struct nj_spec_action *add_record(enum nj_action_kind kind, const char *key)
{
    struct nj_spec_action *action = add(kind);
    struct nj_spec_field *fields = now->fields[now->count - 1];
    nj_text_copy(action->table, sizeof action->table, "cars");
    nj_text_copy(action->key_field, sizeof action->key_field, "id");
    action->key_value = make_template(key);
    action->fields = fields;
    action->field_count = 2;
    nj_text_copy(fields[0].column, sizeof fields[0].column, "brand");
    fields[0].value = make_template("{quoted}");
    nj_text_copy(fields[1].column, sizeof fields[1].column, "missing");
    fields[1].value = make_template("{nobody.knows}");
    return action;
}

void actions_run(struct world *world, size_t index, const char *order_key)
{
    const struct nj_values values = {.lookup = lookup, .context = now};
    struct nj_action_call *call = &now->items[index];
    call->values = &values;
    call->frame = world->frame;
    call->region = (struct nj_rect){10, 10, 64, 48};
    call->order_key = order_key;
    call->done = note_end;
    nj_action_run(world->actions, call);
    call->values = NULL;
}

bool actions_all_ended(struct world *world)
{
    (void)world;
    return now->ended_count == now->count;
}

void actions_run_all(struct world *world)
{
    for (size_t i = 0; i < now->count; i++)
        actions_run(world, i, "s1");
    world_until(world, actions_all_ended);
    world_until(world, world_is_quiet);
    for (int i = 0; i < 3; i++)
        world_turn(world); // what was told is on its way
}

int actions_bind_closed(int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

void actions_until_ended_in_fake_time(struct world *world, nj_us limit_us)
{
    for (nj_us spent_us = 0; now->ended_count < now->count; spent_us += NJ_US_PER_S / 4) {
        assert_true(spent_us < limit_us);
        world_advance(world, NJ_US_PER_S / 4);
        for (int i = 0; i < 3; i++)
            world_turn(world);
    }
}

struct got {
    struct nj_saved_image image;
    bool done;
};

static void note_image(struct nj_saved_image *image)
{
    NJ_CONTAINER_OF(image, struct got, image)->done = true;
}

int actions_get_image(struct world *world, const char *key, bool deletes)
{
    struct got got = {.image = {.done = note_image}};
    nj_text_copy(got.image.key, sizeof got.image.key, key);
    if (deletes)
        nj_saved_image_delete(world->actions, &got.image);
    else
        nj_saved_image_get(world->actions, &got.image);
    nj_loop_await(world->loop, nj_is_set, &got.done, NJ_PATIENCE_US, "a saved image");
    if (got.image.rc == 0 && !deletes)
        assert_true(got.image.length > 100);
    free(got.image.bytes);
    return got.image.rc;
}

size_t actions_count_files(struct world *world)
{
    char command[NJ_TEMP_PATH_MAX + 64], line[32] = "";
    snprintf(command, sizeof command, "find %s/media -type f | wc -l", world->dir.path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    pclose(pipe);
    return (size_t)strtoul(line, NULL, 10);
}
