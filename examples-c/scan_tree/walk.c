#include "scan_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the queue ---- */

void queue_init(path_queue *queue) {
  memset(queue, 0, sizeof *queue);
  pthread_mutex_init(&queue->lock, NULL);
  pthread_cond_init(&queue->filled, NULL);
  pthread_cond_init(&queue->emptied, NULL);
}

void queue_destroy(path_queue *queue) {
  pthread_cond_destroy(&queue->filled);
  pthread_cond_destroy(&queue->emptied);
  pthread_mutex_destroy(&queue->lock);
}

/* Readers that stop go on emptying the queue, so that this never waits for nobody. */
void queue_push(path_queue *queue, char *path) {
  pthread_mutex_lock(&queue->lock);
  while (queue->count == QUEUE_CAPACITY) pthread_cond_wait(&queue->emptied, &queue->lock);
  queue->paths[(queue->first + queue->count) % QUEUE_CAPACITY] = path;
  queue->count++;
  if (queue->waiting > 0) pthread_cond_signal(&queue->filled);
  pthread_mutex_unlock(&queue->lock);
}

void queue_finish(path_queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->finished = true;
  pthread_cond_broadcast(&queue->filled);
  pthread_mutex_unlock(&queue->lock);
}

char *queue_pop(path_queue *queue, bool *empty) {
  char *path = NULL;
  pthread_mutex_lock(&queue->lock);
  queue->waiting++;
  while (queue->count == 0 && !queue->finished && empty == NULL)
    pthread_cond_wait(&queue->filled, &queue->lock);
  queue->waiting--;
  if (queue->count > 0) {
    path = queue->paths[queue->first];
    queue->first = (queue->first + 1) % QUEUE_CAPACITY;
    queue->count--;
    /* Room for many at a time: whoever walks is not woken for each path. */
    if (queue->count == QUEUE_CAPACITY / 2) pthread_cond_signal(&queue->emptied);
  }
  if (empty != NULL) *empty = path == NULL && !queue->finished;
  pthread_mutex_unlock(&queue->lock);
  return path;
}

/* ---- directories ---- */

typedef struct entry {
  char *path;
  mode_t mode;
} entry;

typedef struct entries {
  entry *items;
  size_t count, capacity;
} entries;

static int by_bytes(const void *a, const void *b) {
  return strcmp(((const entry *)a)->path, ((const entry *)b)->path);
}

/* The directory is closed before anything in it is entered: depth costs no file descriptors. While
 * it is open its files are looked at by their names alone, which spares the system the way there.
 */
static bool read_entries(const char *path, entries *list, report *rep) {
  DIR *directory = opendir(path);
  if (directory == NULL) return false;
  for (;;) {
    errno = 0;
    struct dirent *found = readdir(directory);
    if (found == NULL) break;
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    if (list->count == list->capacity) {
      list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
      list->items = (entry *)must_realloc(list->items, list->capacity, sizeof *list->items);
    }
    struct stat info;
    char *full = must_join(path, found->d_name);
    if (fstatat(dirfd(directory), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      report_trouble(rep, full, strerror(errno));
      free(full);
      continue;
    }
    list->items[list->count].path = full;
    list->items[list->count++].mode = info.st_mode;
  }
  int trouble = errno;
  closedir(directory);
  errno = trouble;
  return trouble == 0;
}

/* Links inside a tree are not followed (a named path is), and only plain files are read:
 * a loop or a pipe must not hold up a scan. Takes the path. */
static void walk_path(char *path, mode_t mode, bool named, path_queue *queue, report *rep) {
  if (stop_requested) {
    free(path);
  } else if (S_ISDIR(mode)) {
    entries list;
    memset(&list, 0, sizeof list);
    if (!read_entries(path, &list, rep)) report_trouble(rep, path, strerror(errno));
    if (list.count > 1) qsort(list.items, list.count, sizeof *list.items, by_bytes);
    for (size_t i = 0; i < list.count; i++)
      walk_path(list.items[i].path, list.items[i].mode, false, queue, rep);
    free(list.items);
    free(path);
  } else if (named || S_ISREG(mode)) {
    queue_push(queue, path);
  } else {
    free(path);
  }
}

static void walk_named(char *path, path_queue *queue, report *rep) {
  struct stat info;
  if (stat(path, &info) == 0) {
    walk_path(path, info.st_mode, true, queue, rep);
    return;
  }
  report_trouble(rep, path, strerror(errno));
  free(path);
}

void walk(const options *opt, path_queue *queue, report *rep) {
  for (size_t i = 0; i < opt->path_count && !stop_requested; i++) {
    char *path = must_join(NULL, opt->paths[i]);
    if (strcmp(path, "-") == 0)
      queue_push(queue, path);
    else
      walk_named(path, queue, rep);
  }
  queue_finish(queue);
}
