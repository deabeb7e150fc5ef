// SPDX-License-Identifier: Apache-2.0
// Actions: their order, their tries, what becomes of those that fail, saved images and their end.
#include "actions/action.h"

#include "tests/fake/world/world.h"
#include "util/text.h"

#include <arpa/inet.h>
#include <pthread.h>
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

int action_test(void);

enum { CALLS_MAX = 16 };

// Calls of one test, in the order of their ends.
struct calls {
    struct nj_action_call items[CALLS_MAX];
    struct nj_spec_action actions[CALLS_MAX];
    struct nj_spec_field fields[CALLS_MAX][2];
    size_t count;
    struct nj_action_call *ended[CALLS_MAX];
    size_t ended_count;
    const char *image_key;
};

static struct calls *now; // of the test that runs: a call has no place for a context

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

static int set_up(void **state)
{
    now = calloc(1, sizeof *now);
    return now != NULL ? world_setup(state) : -1;
}

static int tear_down(void **state)
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

static struct nj_spec_action *add_message(enum nj_action_kind kind, const char *channel,
                                          const char *message)
{
    struct nj_spec_action *action = add(kind);
    nj_text_copy(action->channel, sizeof action->channel, channel);
    action->message = make_template(message);
    return action;
}

static struct nj_spec_action *add_image(const char *key)
{
    struct nj_spec_action *action = add(NJ_ACTION_REDIS_SAVE_IMAGE);
    action->key = make_template(key);
    action->quality = 90;
    action->expire_seconds = 600;
    return action;
}

static struct nj_spec_action *add_record(enum nj_action_kind kind, const char *key)
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

static void run(struct world *world, size_t index, const char *order_key)
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

static bool all_ended(struct world *world)
{
    (void)world;
    return now->ended_count == now->count;
}

static void run_all(struct world *world)
{
    for (size_t i = 0; i < now->count; i++)
        run(world, i, "s1");
    world_until(world, all_ended);
    world_until(world, world_is_quiet);
    for (int i = 0; i < 3; i++)
        world_turn(world); // what was told is on its way
}

static void actions_of_a_session_keep_their_order(void **state)
{
    struct world *world = *state;
    world_start(world);
    // The picture takes longest: it is encoded and written, and what comes after it waits.
    add_image("k");
    add_record(NJ_ACTION_POSTGRESQL_UPDATE_COMBINED, "{session_id}");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "done");
    run_all(world);
    for (size_t i = 0; i < now->count; i++) {
        assert_ptr_equal(now->ended[i], &now->items[i]);
        assert_int_equal(now->items[i].rc, 0);
    }
    assert_string_equal(now->items[0].image_key, "k");
}

static void other_sessions_go_on_beside(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_image("k");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "done");
    run(world, 0, "s1");
    run(world, 1, "s2");
    assert_int_equal(now->ended_count, 1);
    assert_ptr_equal(now->ended[0], &now->items[1]);
    world_until(world, all_ended);
}

static void failing_action_stops_no_other_and_is_a_letter(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_record(NJ_ACTION_POSTGRESQL_UPDATE, "nobody");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "told");
    run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_NOT_FOUND);
    assert_int_equal(now->items[1].rc, 0);
    assert_int_equal(world->message_count, 1);
    struct nj_letter_page page = world_letters(world);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.rows[0].reason, "failed");
    assert_non_null(strstr(page.rows[0].payload, "\"action\":\"postgresql_update\""));
    assert_non_null(strstr(page.rows[0].payload, "\"brand\":\"a \\\"b\\\" {c}\""));
    assert_null(strstr(page.rows[0].payload, "missing")); // a column without a value stays as it is
    nj_letter_page_finish(&page);
    struct nj_action_stats stats;
    nj_action_runner_get_stats(world->actions, &stats);
    assert_int_equal(stats.dead, 1);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.done, 1);
}

static void requeued_letter_is_done_when_it_can_be(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_record(NJ_ACTION_POSTGRESQL_UPDATE, "later");
    run_all(world);
    assert_int_equal(world_count_letters(world), 1);
    world_requeue(world);
    world_until(world, world_is_quiet);
    for (int i = 0; i < 2000 && world_count_letters(world) == 0; i++)
        world_turn(world);
    assert_int_equal(world_count_letters(world), 1); // still no such row
    add_record(NJ_ACTION_POSTGRESQL_CREATE_RECORD, "later");
    run(world, 1, "s1");
    world_until(world, all_ended);
    world_requeue(world);
    struct nj_work_queue_stats stats = {0};
    for (int i = 0; i < 2000 && stats.completed == 0; i++) {
        world_turn(world);
        nj_work_queue_get_stats(world->queue, &stats);
    }
    assert_int_equal(stats.completed, 1);
    assert_int_equal(world_count_letters(world), 0);
    assert_non_null(strstr(world_record(world, "cars", "later"), "a \\\"b"));
}

static void template_without_a_value_fails_and_is_no_letter(void **state)
{
    struct world *world = *state;
    world_start(world);
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{nobody.knows}");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "{\"text\":\"{quoted}\",\"sure\":{confidence}}");
    run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_NOT_FOUND);
    assert_non_null(strstr(now->items[0].error.text, "nobody.knows"));
    assert_int_equal(world_count_letters(world), 0);
    assert_int_equal(world->message_count, 1);
    assert_non_null(
        strstr(world->messages[0], "\"message\":{\"text\":\"a \\\"b\\\" {c}\",\"sure\":0.5}"));
}

// A port on which nobody listens: bound and not listening, so that nobody else gets it.
static int bind_closed(int *out_port)
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

static void until_ended_in_fake_time(struct world *world, nj_us limit_us)
{
    for (nj_us spent_us = 0; now->ended_count < now->count; spent_us += NJ_US_PER_S / 4) {
        assert_true(spent_us < limit_us);
        world_advance(world, NJ_US_PER_S / 4);
        for (int i = 0; i < 3; i++)
            world_turn(world);
    }
}

static void redis_away_is_tried_again_and_kept_with_its_image(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = bind_closed(&port);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
    world_set(world, "actions.retry_seconds=1");
    world_start(world);
    add_image("inference:k");
    now->image_key = "inference:k";
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "{\"image\":\"{image_key}\"}");
    run(world, 0, "s1");
    run(world, 1, "s1");
    until_ended_in_fake_time(world, 120 * (nj_us)NJ_US_PER_S);
    assert_int_equal(now->items[0].rc, NJ_E_UNAVAILABLE);
    assert_int_equal(now->items[1].rc, NJ_E_UNAVAILABLE);
    struct nj_letter_page page = world_letters(world);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.rows[0].attempts, 4); // three after the first
    assert_non_null(strstr(page.rows[0].payload, "\"key\":\"inference:k\""));
    assert_non_null(strstr(page.rows[0].payload, "/media/saved/"));
    assert_string_equal(page.rows[1].error, "the image it names was not saved");
    nj_letter_page_finish(&page);
    close(fd);
}

struct got {
    struct nj_saved_image image;
    bool done;
};

static void note_image(struct nj_saved_image *image)
{
    NJ_CONTAINER_OF(image, struct got, image)->done = true;
}

static int get_image(struct world *world, const char *key, bool deletes)
{
    struct got got = {.image = {.done = note_image}};
    nj_text_copy(got.image.key, sizeof got.image.key, key);
    if (deletes)
        nj_saved_image_delete(world->actions, &got.image);
    else
        nj_saved_image_get(world->actions, &got.image);
    for (int i = 0; !got.done && i < 2000; i++)
        world_turn(world);
    assert_true(got.done);
    if (got.image.rc == 0 && !deletes)
        assert_true(got.image.length > 100);
    free(got.image.bytes);
    return got.image.rc;
}

static size_t count_files(struct world *world)
{
    char command[NJ_TEMP_PATH_MAX + 64], line[32] = "";
    snprintf(command, sizeof command, "find %s/media -type f | wc -l", world->dir.path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    pclose(pipe);
    return (size_t)strtoul(line, NULL, 10);
}

static void saved_images_are_read_replaced_deleted_and_swept(void **state)
{
    struct world *world = *state;
    world_start(world);
    assert_int_equal(get_image(world, "k", false), NJ_E_NOT_FOUND);
    add_image("k");
    add_image("k")->png = true;
    add_image("other");
    run_all(world);
    assert_int_equal(get_image(world, "k", false), 0);
    assert_int_equal(count_files(world), 2); // the older one of "k" went
    assert_int_equal(get_image(world, "k", true), 0);
    assert_int_equal(get_image(world, "k", true), NJ_E_NOT_FOUND);
    assert_int_equal(get_image(world, "k", false), NJ_E_NOT_FOUND);
    assert_int_equal(count_files(world), 1);
    world_advance(world, 599 * (nj_us)NJ_US_PER_S);
    assert_int_equal(get_image(world, "other", false), 0);
    world_advance(world, NJ_US_PER_S + 60 * (nj_us)NJ_US_PER_S);
    assert_int_equal(get_image(world, "other", false), NJ_E_NOT_FOUND);
    for (int i = 0; i < 2000 && count_files(world) > 0; i++)
        world_turn(world);
    assert_int_equal(count_files(world), 0);
}

static void default_end_of_life_is_the_options(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.default_expire_seconds=100");
    world_start(world);
    add_image("k")->expire_seconds = NJ_SPEC_EXPIRE_DEFAULT;
    add_image("for_ever")->expire_seconds = 0;
    run_all(world);
    world_advance(world, 99 * (nj_us)NJ_US_PER_S);
    assert_int_equal(get_image(world, "k", false), 0);
    world_advance(world, NJ_US_PER_S);
    assert_int_equal(get_image(world, "k", false), NJ_E_NOT_FOUND);
    assert_int_equal(get_image(world, "for_ever", false), 0);
}

static void image_beyond_the_limit_is_refused(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.max_image_bytes=1024");
    world_start(world);
    struct nj_spec_action *action = add_image("k");
    action->png = true;
    // Noise, so that it does not become small.
    for (int32_t y = 0; y < 480; y++)
        for (int32_t x = 0; x < 640; x++)
            ((uint8_t *)(uintptr_t)world->frame->planes[0])[y * world->frame->strides[0] + x] =
                (uint8_t)(x * 7919 + y * 104729);
    run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_TOO_BIG);
    assert_int_equal(count_files(world), 0);
}

static void what_waits_at_a_stop_is_done_at_the_next_start(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = bind_closed(&port);
    world_set(world, "redis.url=redis://127.0.0.1:%d/0", port);
    world_set(world, "actions.retry_seconds=3600");
    world_start(world);
    add_image("k");
    add_message(NJ_ACTION_REDIS_PUBLISH, "cars", "hello");
    run(world, 0, "s1");
    run(world, 1, "s1");
    for (int i = 0; i < 20; i++)
        world_turn(world);
    world_stop(world, NJ_US_PER_S);
    assert_int_equal(now->ended_count, 2);
    assert_int_equal(now->items[0].rc, NJ_E_CANCELLED);
    close(fd);
    world->set_count = 0; // without Redis this time
    world_start(world);
    for (int i = 0; i < 2000 && world->message_count == 0; i++)
        world_turn(world);
    assert_int_equal(world->message_count, 1);
    assert_non_null(strstr(world->messages[0], "\"message\":\"hello\""));
    for (int i = 0; i < 2000 && !world_is_quiet(world); i++)
        world_turn(world);
    assert_int_equal(get_image(world, "k", false), 0);
    assert_int_equal(count_files(world), 1); // the kept file went
    assert_int_equal(world_count_letters(world), 0);
}

static void more_than_may_wait_are_letters(void **state)
{
    struct world *world = *state;
    world_set(world, "actions.max_waiting=1");
    world_start(world);
    add_image("first");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "second");
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "third");
    for (size_t i = 0; i < now->count; i++)
        run(world, i, "");
    world_until(world, all_ended);
    assert_int_equal(now->items[0].rc, 0);
    assert_int_equal(now->items[1].rc, NJ_E_FULL); // a letter
    assert_int_equal(now->items[2].rc, NJ_E_FULL); // not even that
    assert_int_equal(world_count_letters(world), 1);
    assert_int_equal(world->message_count, 0);
}

struct receiver { // answers one request after the other with the next status
    int fd, port;
    const char *const *answers;
    size_t count;
    char url[64], got[4096];
    pthread_t thread;
};

static void *receive(void *arg)
{
    struct receiver *receiver = arg;
    for (size_t i = 0; i < receiver->count; i++) {
        const int client = accept(receiver->fd, NULL, NULL);
        size_t length = 0;
        while (strstr(receiver->got, "\r\n\r\n{\"a\":1}") == NULL || length == 0) {
            const ssize_t count =
                read(client, receiver->got + length, sizeof receiver->got - 1 - length);
            if (count <= 0)
                break;
            length += (size_t)count;
            receiver->got[length] = '\0';
        }
        dprintf(client, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                receiver->answers[i]);
        close(client);
    }
    return NULL;
}

static void start_receiver(struct receiver *receiver)
{
    receiver->fd = bind_closed(&receiver->port);
    assert_int_equal(listen(receiver->fd, 4), 0);
    snprintf(receiver->url, sizeof receiver->url, "http://127.0.0.1:%d/hook", receiver->port);
    assert_int_equal(pthread_create(&receiver->thread, NULL, receive, receiver), 0);
}

static void end_receiver(struct receiver *receiver)
{
    pthread_join(receiver->thread, NULL);
    close(receiver->fd);
}

static void post_is_repeated_until_it_is_taken(void **state)
{
    struct world *world = *state;
    static const char *const answers[] = {"503 Busy", "204 Taken"};
    struct receiver receiver = {.answers = answers, .count = 2};
    world_set(world, "actions.allow_loopback=true");
    world_start(world);
    start_receiver(&receiver);
    add_message(NJ_ACTION_HTTP_POST, receiver.url, "{\"a\":1}");
    run(world, 0, "s1");
    until_ended_in_fake_time(world, 60 * (nj_us)NJ_US_PER_S);
    end_receiver(&receiver);
    assert_int_equal(now->items[0].rc, 0);
    assert_non_null(strstr(receiver.got, "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(receiver.got, "Content-Type: application/json\r\n"));
    assert_int_equal(world_count_letters(world), 0);
}

static void post_that_is_refused_is_a_letter_at_once(void **state)
{
    struct world *world = *state;
    static const char *const answers[] = {"404 No"};
    struct receiver receiver = {.answers = answers, .count = 1};
    world_set(world, "actions.allow_loopback=true");
    world_start(world);
    start_receiver(&receiver);
    add_message(NJ_ACTION_HTTP_POST, receiver.url, "{\"a\":1}");
    run_all(world);
    end_receiver(&receiver);
    assert_int_equal(now->items[0].rc, NJ_E_DENIED);
    assert_int_equal(world_count_letters(world), 1);
}

static void post_to_an_address_that_is_not_allowed_is_not_sent(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = bind_closed(&port);
    char url[64];
    world_start(world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
    add_message(NJ_ACTION_HTTP_POST, url, "x");
    run_all(world);
    assert_int_equal(now->items[0].rc, NJ_E_DENIED);
    close(fd);
}

static void note_stopped(void *arg)
{
    *(bool *)arg = true;
}

static void stopping_runner_takes_no_more(void **state)
{
    struct world *world = *state;
    bool stopped = false;
    world_start(world);
    add_message(NJ_ACTION_PUBLISH_MESSAGE, "x", "late");
    nj_action_runner_stop(world->actions, 0, note_stopped, &stopped);
    run(world, 0, "s1");
    assert_int_equal(now->items[0].rc, NJ_E_CANCELLED);
    assert_true(stopped);
    assert_int_equal(world_count_letters(world), 0);
}

// Whoever is away is not asked again and again: five failures in a row open the breaker.
static void host_that_is_away_is_left_alone(void **state)
{
    struct world *world = *state;
    int port = 0;
    const int fd = bind_closed(&port);
    char url[64];
    world_set(world, "actions.allow_loopback=true");
    world_set(world, "actions.tries=0");
    world_start(world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
    for (size_t i = 0; i < 6; i++) {
        add_message(NJ_ACTION_HTTP_POST, url, "x");
        run(world, i, "s1");
        world_until(world, all_ended);
        assert_int_equal(now->items[i].rc, NJ_E_UNAVAILABLE);
    }
    assert_null(strstr(now->items[4].error.text, "breaker"));
    assert_non_null(strstr(now->items[5].error.text, "http://127.0.0.1"));
    assert_string_not_equal(now->items[4].error.text, now->items[5].error.text);
    assert_int_equal(world_count_letters(world), 6);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int action_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(actions_of_a_session_keep_their_order),
        TEST(other_sessions_go_on_beside),
        TEST(failing_action_stops_no_other_and_is_a_letter),
        TEST(requeued_letter_is_done_when_it_can_be),
        TEST(template_without_a_value_fails_and_is_no_letter),
        TEST(redis_away_is_tried_again_and_kept_with_its_image),
        TEST(saved_images_are_read_replaced_deleted_and_swept),
        TEST(default_end_of_life_is_the_options),
        TEST(image_beyond_the_limit_is_refused),
        TEST(what_waits_at_a_stop_is_done_at_the_next_start),
        TEST(more_than_may_wait_are_letters),
        TEST(post_is_repeated_until_it_is_taken),
        TEST(post_that_is_refused_is_a_letter_at_once),
        TEST(post_to_an_address_that_is_not_allowed_is_not_sent),
        TEST(stopping_runner_takes_no_more),
        TEST(host_that_is_away_is_left_alone),
    };
    return cmocka_run_group_tests_name("action", tests, NULL, NULL);
}
