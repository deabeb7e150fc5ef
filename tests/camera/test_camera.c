// SPDX-License-Identifier: Apache-2.0
// The test camera as a program of its own, for tests in other languages and for benchmarks.
//
//   test-camera [--host ADDRESS] [--port N] [--tls] [NAME=FILE ...]
//
// Prints "listening PORT" (with --tls "listening PORT TLSPORT") and then answers each line of
// standard input with "ok", "ok {...}" or "error TEXT"; ends with "quit" or the input.
//
//   mount NAME FILE [WORD ...]   unpaced snapshots speed=N audio=pcmu|aac redirect=URL
//                                auth=basic|digest|digest-qop|digest-sha256 user=U password=P
//                                and the words of "faults"
//   faults NAME [WORD ...]       frozen mid-gop mark-slices jump-stamps delay=MS|never
//                                describe=STATUS setup=STATUS payload=TYPE lose=N corrupt=N
//                                sdp=KIND snapshot=KIND; without words: none
//   drop NAME | freeze NAME | unfreeze NAME | remove NAME | switch NAME FILE
//   reboot NAME|* MS | redirect NAME [URL] | nonce | certificate FILE | stats [NAME]
#include "tests/camera/camera_words.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 4096 };

struct call {
    struct nj_test_camera *camera;
    char **words; // words[0] is the command
    size_t count;
    struct nj_error *err;
    char *answer; // LINE_BYTES; what follows "ok"
};

static int mount(const struct call *call)
{
    struct nj_test_camera_mount wish = {.name = call->words[1], .file = call->words[2]};
    for (size_t i = 3; i < call->count; i++)
        if (camera_words_mount(call->words[i], &wish))
            return nj_error_set(call->err, NJ_E_INVALID, "no word '%s'", call->words[i]);
    return nj_test_camera_add(call->camera, &wish, call->err);
}

static int faults(const struct call *call)
{
    struct nj_test_camera_faults wish = {0};
    for (size_t i = 2; i < call->count; i++)
        if (camera_words_fault(call->words[i], &wish))
            return nj_error_set(call->err, NJ_E_INVALID, "no word '%s'", call->words[i]);
    return nj_test_camera_set_faults(call->camera, call->words[1], &wish);
}

static int drop(const struct call *call)
{
    return nj_test_camera_drop(call->camera, call->words[1]);
}

static int freeze(const struct call *call)
{
    return nj_test_camera_freeze(call->camera, call->words[1], call->words[0][0] == 'f');
}

static int take_away(const struct call *call)
{
    return nj_test_camera_remove(call->camera, call->words[1]);
}

static int reboot(const struct call *call)
{
    const char *name = strcmp(call->words[1], "*") != 0 ? call->words[1] : NULL;
    int64_t down_ms;
    if (nj_text_to_int(call->words[2], &down_ms) || down_ms < 0 || down_ms > INT32_MAX)
        return nj_error_set(call->err, NJ_E_INVALID, "'%s' are no milliseconds", call->words[2]);
    return nj_test_camera_reboot(call->camera, name, (int)down_ms);
}

static int switch_file(const struct call *call)
{
    return nj_test_camera_switch(call->camera, call->words[1], call->words[2], call->err);
}

static int redirect(const struct call *call)
{
    return nj_test_camera_redirect(call->camera, call->words[1],
                                   call->count > 2 ? call->words[2] : NULL);
}

static int nonce(const struct call *call)
{
    nj_test_camera_renew_nonce(call->camera);
    return 0;
}

static int certificate(const struct call *call)
{
    return nj_test_camera_save_certificate(call->camera, call->words[1], call->err);
}

static int stats(const struct call *call)
{
    struct nj_test_camera_stats s;
    int code = nj_test_camera_get_stats(call->camera, call->count > 1 ? call->words[1] : NULL, &s);
    if (code)
        return code;
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {{"connections_now", s.connections_now},
                {"connections_ever", s.connections_ever},
                {"playing_now", s.playing_now},
                {"describes", s.describes},
                {"plays", s.plays},
                {"teardowns", s.teardowns},
                {"keepalives", s.keepalives},
                {"unauthorized", s.unauthorized},
                {"snapshots", s.snapshots},
                {"frames", s.frames},
                {"packets", s.packets},
                {"packets_lost", s.packets_lost},
                {"packets_corrupt", s.packets_corrupt},
                {"bytes", s.bytes}};
    int length = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        length += snprintf(call->answer + length, LINE_BYTES - (size_t)length, "%s\"%s\":%lld",
                           i ? "," : " {", rows[i].name, (long long)rows[i].value);
    snprintf(call->answer + length, LINE_BYTES - (size_t)length, "}");
    return 0;
}

static int obey(const struct call *call)
{
    static const struct {
        const char *name;
        int (*run)(const struct call *call);
        size_t words; // with the command, at least
    } commands[] = {
        {"mount", mount, 3},   {"faults", faults, 2},           {"drop", drop, 2},
        {"freeze", freeze, 2}, {"unfreeze", freeze, 2},         {"remove", take_away, 2},
        {"reboot", reboot, 3}, {"switch", switch_file, 3},      {"redirect", redirect, 2},
        {"nonce", nonce, 1},   {"certificate", certificate, 2}, {"stats", stats, 1}};
    for (size_t i = 0; i < NJ_COUNT_OF(commands); i++)
        if (!strcmp(commands[i].name, call->words[0])) {
            if (call->count < commands[i].words)
                return nj_error_set(call->err, NJ_E_INVALID, "%s needs more words", call->words[0]);
            return commands[i].run(call);
        }
    return nj_error_set(call->err, NJ_E_INVALID, "no command '%s'", call->words[0]);
}

static void serve(struct nj_test_camera *camera)
{
    char line[LINE_BYTES];
    char answer[LINE_BYTES];
    char *words[CAMERA_WORDS_MAX] = {0};
    while (fgets(line, sizeof(line), stdin)) {
        struct nj_error err = {0};
        answer[0] = '\0';
        struct call call = {camera, words, camera_words_split(line, words), &err, answer};
        if (!call.count)
            continue;
        if (!strcmp(words[0], "quit"))
            return;
        int code = obey(&call);
        if (code)
            printf("error %s\n", err.text[0] ? err.text : nj_error_name(code));
        else
            printf("ok%s\n", answer);
        fflush(stdout);
    }
}

// Options, and mounts of the form NAME=FILE.
static int prepare(int argc, char **argv, struct nj_test_camera **camera, struct nj_error *err)
{
    struct nj_test_camera_options options = {0};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--tls"))
            options.tls = true;
        else if (!strcmp(argv[i], "--host") && i + 1 < argc)
            options.host = argv[++i];
        else if (!strcmp(argv[i], "--port") && i + 1 < argc)
            options.port = atoi(argv[++i]);
        else
            return nj_error_set(err, NJ_E_INVALID, "no option '%s'", argv[i]);
    }
    int code = nj_test_camera_create(&options, camera, err);
    for (; !code && i < argc; i++) {
        char *file = strchr(argv[i], '=');
        if (!file)
            return nj_error_set(err, NJ_E_INVALID, "'%s' is not NAME=FILE", argv[i]);
        *file++ = '\0';
        code = nj_test_camera_add(
            *camera, &(struct nj_test_camera_mount){.name = argv[i], .file = file}, err);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct nj_test_camera *camera = NULL;
    struct nj_error err = {0};
    int code = prepare(argc, argv, &camera, &err);
    if (code) {
        fprintf(stderr, "test-camera: %s\n", err.text);
    } else {
        printf("listening %d", nj_test_camera_port(camera));
        if (nj_test_camera_tls_port(camera))
            printf(" %d", nj_test_camera_tls_port(camera));
        printf("\n");
        fflush(stdout);
        serve(camera);
    }
    nj_test_camera_destroy(camera);
    return code ? 2 : 0;
}
