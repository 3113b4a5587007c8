/* Drives the C client (libzookeeper_mt), its synchronous and its asynchronous half, against the
 * server at argv[1], a section per case: a line "## NAME", then what was seen, without what differs
 * between runs. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define WAIT_SECONDS 20
#define BURST 300
#define TEXT 512

static const char *hosts;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Counts what came back, and keeps the texts of watch events. */
struct seen {
    int count;
    char text[TEXT];
};

static void note(struct seen *seen, const char *text) {
    pthread_mutex_lock(&mutex);
    seen->count += 1;
    if (text != NULL) {
        size_t used = strlen(seen->text);
        snprintf(seen->text + used, TEXT - used, "%s%s", used > 0 ? "; " : "", text);
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void await(struct seen *seen, int count) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAIT_SECONDS;
    pthread_mutex_lock(&mutex);
    while (seen->count < count) {
        if (pthread_cond_timedwait(&changed, &mutex, &deadline) != 0) {
            printf("FAILED: %d of %d came\n", seen->count, count);
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
}

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    (void)path;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) note(context, NULL);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {
    char text[TEXT];
    (void)zh;
    if (type == ZOO_SESSION_EVENT) return;
    snprintf(text, sizeof text, "event %d state %d %s", type, state, path);
    note(context, text);
}

static zhandle_t *dial(void) {
    struct seen connected = {0, ""};
    zhandle_t *zh = zookeeper_init(hosts, on_session, 10000, NULL, &connected, 0);
    if (zh == NULL) exit(2);
    await(&connected, 1);
    zoo_set_watcher(zh, NULL);
    return zh;
}

static void facts(const char *what, int rc, const struct Stat *stat) {
    if (rc != ZOK) {
        printf("%s %d\n", what, rc);
        return;
    }
    printf("%s 0 version %d cversion %d aversion %d length %d children %d owned %d\n", what,
           stat->version, stat->cversion, stat->aversion, stat->dataLength, stat->numChildren,
           stat->ephemeralOwner != 0);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names(int rc, struct String_vector *list) {
    printf("children %d", rc);
    if (rc == ZOK) {
        qsort(list->data, (size_t)list->count, sizeof *list->data, by_name);
        for (int i = 0; i < list->count; i++) printf(" %s", list->data[i]);
        deallocate_String_vector(list);
    }
    printf("\n");
}

static void make(zhandle_t *zh, const char *path, int mode) {
    char name[TEXT] = "";
    int rc = zoo_create(zh, path, "x", 1, &ZOO_OPEN_ACL_UNSAFE, mode, name, sizeof name);
    printf("create %d %s\n", rc, rc == ZOK ? name : "");
}

static void operations(zhandle_t *zh) {
    struct Stat stat;
    struct String_vector list;
    char buffer[TEXT];
    int length = sizeof buffer;
    make(zh, "/c", 0);
    make(zh, "/c", 0);
    make(zh, "/none/child", 0);
    int rc = zoo_get(zh, "/c", 0, buffer, &length, &stat);
    facts("get", rc, &stat);
    printf("%d %.*s\n", length, length, buffer);
    facts("set", zoo_set2(zh, "/c", "twotwo", 6, 0, &stat), &stat);
    facts("set", zoo_set2(zh, "/c", "x", 1, 0, &stat), &stat);
    facts("set null", zoo_set2(zh, "/c", NULL, -1, -1, &stat), &stat);
    length = sizeof buffer;
    rc = zoo_get(zh, "/c", 0, buffer, &length, &stat);
    printf("null %d %d\n", rc, length);
    for (int i = 0; i < 3; i++) make(zh, "/c/s-", ZOO_SEQUENCE);
    make(zh, "/c/mine", ZOO_EPHEMERAL);
    make(zh, "/c/mine/child", 0);
    names(zoo_get_children(zh, "/c", 0, &list), &list);
    rc = zoo_get_children2(zh, "/c", 0, &list, &stat);
    names(rc, &list);
    facts("children", rc, &stat);
    facts("exists", zoo_exists(zh, "/c/mine", 0, &stat), &stat);
    facts("exists", zoo_exists(zh, "/c/none", 0, &stat), &stat);
    printf("delete %d %d %d\n", zoo_delete(zh, "/c", -1), zoo_delete(zh, "/c/mine", 3),
           zoo_delete(zh, "/c/mine", 0));
}

static void kinds(zhandle_t *zh) {
    struct Stat stat;
    char name[TEXT] = "";
    make(zh, "/cbox", ZOO_CONTAINER);
    int rc = zoo_create2(zh, "/ctwo", "12", 2, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name, &stat);
    facts(name, rc, &stat);
    rc = zoo_create_ttl(zh, "/cttl", "t", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 100000,
                        name, sizeof name);
    printf("ttl %d %s\n", rc, name);
    rc = zoo_create2_ttl(zh, "/cttl-", "t", 1, &ZOO_OPEN_ACL_UNSAFE,
                         ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 100000, name, sizeof name, &stat);
    facts(name, rc, &stat);
    facts("ttl", zoo_exists(zh, "/cttl", 0, &stat), &stat);
}

static void results(int rc, const zoo_op_result_t *result, int count) {
    printf("multi %d:", rc);
    for (int i = 0; i < count; i++) printf(" %d", result[i].err);
    printf("\n");
}

static void multis(zhandle_t *zh) {
    zoo_op_t ops[5];
    zoo_op_result_t result[5];
    struct Stat stat;
    char name[TEXT] = "";
    char sequence[TEXT] = "";
    make(zh, "/ctx", 0);
    zoo_create_op_init(&ops[0], "/ctx/a", "a", 1, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name);
    zoo_create_op_init(&ops[1], "/ctx/s-", "s", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, sequence,
                       sizeof sequence);
    zoo_set_op_init(&ops[2], "/ctx", "1", 1, 0, &stat);
    zoo_check_op_init(&ops[3], "/ctx", 1);
    zoo_delete_op_init(&ops[4], "/ctx/a", -1);
    int rc = zoo_multi(zh, 5, ops, result);
    results(rc, result, 5);
    printf("%s %s\n", name, sequence);
    facts("multi", rc, &stat);
    zoo_create_op_init(&ops[0], "/ctx/b", "b", 1, &ZOO_OPEN_ACL_UNSAFE, 0, name, sizeof name);
    zoo_check_op_init(&ops[1], "/ctx", 9);
    zoo_delete_op_init(&ops[2], "/ctx", -1);
    rc = zoo_multi(zh, 3, ops, result);
    results(rc, result, 3);
    facts("exists", zoo_exists(zh, "/ctx/b", 0, &stat), &stat);
}

static void on_auth(int rc, const void *context) {
    char text[TEXT];
    snprintf(text, sizeof text, "auth %d", rc);
    note((struct seen *)context, text);
}

static void lists(zhandle_t *zh, const char *path) {
    struct ACL_vector acl;
    struct Stat stat;
    int rc = zoo_get_acl(zh, path, &acl, &stat);
    facts("acl", rc, &stat);
    if (rc != ZOK) return;
    for (int i = 0; i < acl.count; i++) {
        printf("%d %s:%s\n", acl.data[i].perms, acl.data[i].id.scheme, acl.data[i].id.id);
    }
    deallocate_ACL_vector(&acl);
}

static void access_lists(zhandle_t *zh) {
    struct seen authenticated = {0, ""};
    struct Stat stat;
    char buffer[TEXT];
    int length = sizeof buffer;
    zhandle_t *other = dial();
    printf("add %d\n", zoo_add_auth(other, "digest", "ann:secret", 10, on_auth, &authenticated));
    await(&authenticated, 1);
    printf("%s\n", authenticated.text);
    make(other, "/cacl", 0);
    printf("set %d\n", zoo_set_acl(other, "/cacl", 0, &ZOO_CREATOR_ALL_ACL));
    printf("set %d\n", zoo_set_acl(other, "/cacl", 0, &ZOO_CREATOR_ALL_ACL));
    printf("get %d\n", zoo_get(zh, "/cacl", 0, buffer, &length, &stat));
    lists(other, "/cacl");
    lists(zh, "/cacl");
    printf("set %d\n", zoo_set_acl(other, "/cacl", 1, &ZOO_READ_ACL_UNSAFE));
    lists(zh, "/cacl");
    printf("set %d\n", zoo_set(zh, "/cacl", "x", 1, -1));
    zookeeper_close(other);
}

static void watches(zhandle_t *zh) {
    struct seen data = {0, ""}, children = {0, ""}, unborn = {0, ""};
    struct Stat stat;
    struct String_vector list;
    char buffer[TEXT];
    int length = sizeof buffer;
    zhandle_t *other = dial();
    make(zh, "/cw", 0);
    printf("%d\n", zoo_wget(zh, "/cw", on_event, &data, buffer, &length, &stat));
    names(zoo_wget_children(zh, "/cw", on_event, &children, &list), &list);
    printf("%d\n", zoo_wexists(zh, "/cw/new", on_event, &unborn, &stat));
    printf("set %d\n", zoo_set(other, "/cw", "y", 1, -1));
    make(other, "/cw/new", 0);
    await(&data, 1);
    await(&children, 1);
    await(&unborn, 1);
    printf("%s\n%s\n%s\n", data.text, children.text, unborn.text);
    printf("%d\n", zoo_wexists(zh, "/cw/new", on_event, &unborn, &stat));
    printf("remove %d", zoo_remove_watches(zh, "/cw/new", ZWATCHTYPE_DATA, on_event, &unborn, 0));
    printf(" %d\n", zoo_remove_all_watches(zh, "/cw/new", ZWATCHTYPE_DATA, 0));
    zookeeper_close(other);
}

static void on_string(int rc, const char *value, const void *context) {
    note((struct seen *)context, rc == ZOK && value != NULL ? NULL : "failed");
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat,
                    const void *context) {
    (void)stat;
    note((struct seen *)context, rc == ZOK && length == 5 && memcmp(value, "burst", 5) == 0 ? NULL
                                                                                            : "failed");
}

static void asynchronous(zhandle_t *zh) {
    struct seen made = {0, ""}, read = {0, ""};
    struct Stat stat;
    char path[TEXT];
    make(zh, "/cb", 0);
    for (int i = 0; i < BURST; i++) {
        snprintf(path, sizeof path, "/cb/%d", i);
        zoo_acreate(zh, path, "burst", 5, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, &made);
        zoo_aget(zh, path, 0, on_data, &read);
    }
    await(&made, BURST);
    await(&read, BURST);
    printf("%d%s %d%s\n", made.count, made.text, read.count, read.text);
    facts("exists", zoo_exists(zh, "/cb", 0, &stat), &stat);
}

static void sessions(zhandle_t *zh) {
    struct seen gone = {0, ""};
    struct Stat stat;
    zhandle_t *other = dial();
    make(other, "/cses", ZOO_EPHEMERAL);
    printf("%d\n", zoo_wexists(zh, "/cses", on_event, &gone, &stat));
    printf("owner %d\n", stat.ephemeralOwner == zoo_client_id(other)->client_id);
    zookeeper_close(other);
    await(&gone, 1);
    printf("%s\n", gone.text);
    printf("state %d timeout %d\n", zoo_state(zh) == ZOO_CONNECTED_STATE, zoo_recv_timeout(zh));
}

static void configuration(zhandle_t *zh) {
    struct Stat stat;
    char buffer[TEXT];
    int length = sizeof buffer;
    int rc = zoo_getconfig(zh, 0, buffer, &length, &stat);
    facts("config", rc, &stat);
    printf("length %d\n", length);
    length = sizeof buffer;
    printf("reconfig %d\n", zoo_reconfig(zh, "server.2=localhost:1:2;3", NULL, NULL, -1, buffer,
                                         &length, &stat));
}

static const struct {
    const char *name;
    void (*run)(zhandle_t *);
} cases[] = {
    {"operations", operations},
    {"kinds", kinds},
    {"multis", multis},
    {"access_lists", access_lists},
    {"watches", watches},
    {"asynchronous", asynchronous},
    {"sessions", sessions},
    {"configuration", configuration},
};

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    hosts = argv[1];
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = dial();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        printf("## %s\n", cases[i].name);
        cases[i].run(zh);
    }
    printf("## end\n");
    return zookeeper_close(zh) == ZOK ? 0 : 1;
}
