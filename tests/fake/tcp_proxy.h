// SPDX-License-Identifier: Apache-2.0
// A bad network between a client and a server on loopback: a thread that passes bytes on, late, not
// any more, or only so many of them, as the test says. Whatever fails, fails the test.
#ifndef NJ_FAKE_TCP_PROXY_H
#define NJ_FAKE_TCP_PROXY_H

#include <stddef.h>
#include <stdint.h>

enum nj_proxy_way { NJ_PROXY_TO_SERVER, NJ_PROXY_TO_CLIENT, NJ_PROXY_WAYS };

enum nj_proxy_fault {
    NJ_PROXY_WELL,
    NJ_PROXY_CUT,      // both sides are told the end (FIN); what they still send is dropped
    NJ_PROXY_RESET,    // both sides are reset (RST)
    NJ_PROXY_STALL,    // bytes of that way wait until the fault is taken away
    NJ_PROXY_HALF_OPEN // the server's side ends; the client is not told, and what it sends is lost
};

// All zero: bytes pass.
struct nj_proxy_rule {
    enum nj_proxy_fault fault;
    enum nj_proxy_way way; // whose bytes are counted
    // So many bytes pass from when the rule holds; the fault comes with the last of them. 0:
    // instead of the first one; half-open then knows no server at all.
    uint64_t after;
    int delay_ms; // each byte of both ways is so much later; beside a fault, or without one
};
enum { NJ_PROXY_TEXT_MAX = 96 };
// "reset after 17 bytes to the client".
const char *nj_proxy_rule_text(const struct nj_proxy_rule *rule, char out[NJ_PROXY_TEXT_MAX]);

struct nj_tcp_proxy;

// Between whoever connects to its port and 127.0.0.1:`server_port`.
struct nj_tcp_proxy *nj_tcp_proxy_create(int server_port);
void nj_tcp_proxy_destroy(struct nj_tcp_proxy *proxy); // resets what is open; accepts NULL
int nj_tcp_proxy_port(const struct nj_tcp_proxy *proxy);
void nj_tcp_proxy_aim(struct nj_tcp_proxy *proxy, int server_port); // of connections from now on

// For the next `connections` ones; all behind them are well. -1: for all.
void nj_tcp_proxy_plan(struct nj_tcp_proxy *proxy, const struct nj_proxy_rule *rule,
                       int connections);
// For those that are open now; it counts bytes from now on.
void nj_tcp_proxy_strike(struct nj_tcp_proxy *proxy, const struct nj_proxy_rule *rule);
// No fault any more, here or in what is planned. What was cut, reset or half-open stays so.
void nj_tcp_proxy_heal(struct nj_tcp_proxy *proxy);

enum nj_proxy_count {
    NJ_PROXY_CONNECTIONS,     // ever
    NJ_PROXY_OPEN,            // now
    NJ_PROXY_HITS,            // connections that met their fault
    NJ_PROXY_BYTES_TO_SERVER, // passed on; the ways follow each other as in enum nj_proxy_way
    NJ_PROXY_BYTES_TO_CLIENT,
    NJ_PROXY_BYTES_SWALLOWED, // of clients, by half-open connections
    NJ_PROXY_COUNTS
};
int64_t nj_tcp_proxy_count(struct nj_tcp_proxy *proxy, enum nj_proxy_count count);
// Waits until the count is at least, or exactly, `value`; the test fails after 20 s.
void nj_tcp_proxy_await(struct nj_tcp_proxy *proxy, enum nj_proxy_count count, int64_t at_least);
void nj_tcp_proxy_await_exactly(struct nj_tcp_proxy *proxy, enum nj_proxy_count count,
                                int64_t value);

// One exchange of a client that is new to the server, from connecting on: while `rule` is planned
// for all connections it ends in time, well or not; after it took the fault away by
// nj_tcp_proxy_heal, another one is well. The trial itself looks at all that.
typedef void (*nj_proxy_trial)(void *arg, const struct nj_proxy_rule *rule);
struct nj_proxy_sweep {
    struct nj_tcp_proxy *proxy;
    nj_proxy_trial trial;
    void *arg;
    uint64_t most[NJ_PROXY_WAYS]; // bytes of the exchange to look at; 0: all
    int points;                   // of a way that is longer: so many places, about evenly
};
// Two trials that are well tell how long an exchange is (the first may make what later ones find).
// Then it is cut and reset after each number of bytes of each way, or after `points` of them, and
// falls silent at its beginning and in its middle.
void nj_proxy_sweep(const struct nj_proxy_sweep *sweep);

#endif
