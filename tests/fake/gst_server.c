// SPDX-License-Identifier: Apache-2.0
// gst-rtsp-server as a child of the test, spoken to through pipes.
#include "tests/fake/gst_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_MS = 20000, LINE_BYTES = 128, FILE_BYTES = 600 };

extern char **environ;

bool nj_gst_server_installed(void)
{
    return access(NJ_GST_SERVER_PROGRAM, X_OK) == 0;
}

// The line without its end.
static void read_line(const struct nj_gst_server *server, char line[LINE_BYTES])
{
    size_t length = 0;
    for (;;) {
        struct pollfd ready = {.fd = server->out, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, ANSWER_MS), 1);
        assert_int_equal(read(server->out, line + length, 1), 1);
        if (line[length] == '\n')
            break;
        assert_true(++length < LINE_BYTES);
    }
    line[length] = '\0';
}

void nj_gst_server_start(struct nj_gst_server *server, const char *file)
{
    int in[2], out[2];
    char mount[FILE_BYTES];
    char program[] = NJ_GST_SERVER_PROGRAM;
    char *words[] = {program, mount, NULL};
    posix_spawn_file_actions_t actions;
    snprintf(mount, sizeof(mount), "cam=%s", file);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
    assert_int_equal(posix_spawn(&server->pid, program, &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    server->in = in[1];
    server->out = out[0];
    char line[LINE_BYTES];
    read_line(server, line);
    assert_int_equal(sscanf(line, "listening %d", &server->port), 1);
}

void nj_gst_server_tell(struct nj_gst_server *server, const char *command)
{
    char line[LINE_BYTES];
    int length = snprintf(line, sizeof(line), "%s\n", command);
    assert_int_equal(write(server->in, line, (size_t)length), length);
    read_line(server, line);
    assert_string_equal(line, "ok");
}

static void end(struct nj_gst_server *server, int signal)
{
    if (!server->pid)
        return;
    close(server->in); // it ends with its input
    if (signal)
        kill(server->pid, signal);
    while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(server->out);
    *server = (struct nj_gst_server){.pid = 0};
}

void nj_gst_server_stop(struct nj_gst_server *server)
{
    end(server, SIGTERM);
}

void nj_gst_server_kill(struct nj_gst_server *server)
{
    end(server, SIGKILL);
}

const char *nj_gst_server_url(const struct nj_gst_server *server, char out[NJ_GST_SERVER_URL_MAX])
{
    snprintf(out, NJ_GST_SERVER_URL_MAX, "rtsp://127.0.0.1:%d/cam", server->port);
    return out;
}
