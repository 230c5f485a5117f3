/*
 * Makes mkfs.btrfs and mke2fs forget everything that differs from one build to the next; preloaded into them.
 *
 * An inode's change time is when the build touched it, and no program can set that; a file's access time is when anybody
 * read it. File systems list names and attributes in orders of their own. And mkfs.btrfs has no options for its clock
 * and for the UUIDs of trees and subvolumes. All of these reach the programs through the functions below, which a
 * preloaded library may replace.
 *
 * SOURCE_DATE_EPOCH (seconds since 1970) is the present, and the latest that a file can have. STEADY_SEED (a UUID) is
 * where all other UUIDs come from. Without them nothing runs: an image that only looks steady would be worse than none.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define LONGEST_LIST 65536 /* XATTR_LIST_MAX of Linux */

static const char *required(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL) {
		fprintf(stderr, "steady: %s is not set\n", name);
		_exit(1);
	}
	return value;
}

time_t time(time_t *result)
{
	time_t now = strtoll(required("SOURCE_DATE_EPOCH"), NULL, 10);

	if (result != NULL)
		*result = now;
	return now;
}

/* The first UUID that is asked for is always the same, and so are the second and all others. */
void uuid_generate(uuid_t result)
{
	static unsigned int count;
	char name[16];
	uuid_t seed;

	if (uuid_parse(required("STEADY_SEED"), seed) != 0) {
		fprintf(stderr, "steady: STEADY_SEED is not a UUID\n");
		_exit(1);
	}
	uuid_generate_sha1(result, seed, name, (size_t)snprintf(name, sizeof(name), "%u", count++));
}

/* A file has one time, that of its last modification, in whole seconds, and never one that is still to come. */
int lstat(const char *path, struct stat *result)
{
	int status = fstatat(AT_FDCWD, path, result, AT_SYMLINK_NOFOLLOW);
	time_t now = time(NULL);

	if (status != 0)
		return status;
	if (result->st_mtime > now)
		result->st_mtime = now;
	result->st_mtim.tv_nsec = 0;
	result->st_atim = result->st_ctim = result->st_mtim;
	return 0;
}

static int compare_names(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Labels that the security module of this host gave the files are none of the image's. */
static int belongs_to_host(const char *attribute)
{
	return strncmp(attribute, "security.", 9) == 0 && strcmp(attribute, "security.capability") != 0;
}

/*
 * Only root of a machine may set the attributes by which an overlay knows what is removed; whoever is root of a namespace
 * of users has his own kind of them. In the image they are root's: without them, what a layer of a container's image
 * removed would be there again (Documentation/filesystems/overlayfs.rst, "User xattr").
 */
static const char ours[] = "user.overlay.", roots[] = "trusted.overlay.";

ssize_t lgetxattr(const char *path, const char *attribute, void *value, size_t size)
{
	char own[XATTR_NAME_MAX + 1];

	if (strncmp(attribute, roots, sizeof(roots) - 1) != 0)
		return syscall(SYS_lgetxattr, path, attribute, value, size);
	snprintf(own, sizeof(own), "%s%s", ours, attribute + sizeof(roots) - 1);
	return syscall(SYS_lgetxattr, path, own, value, size);
}

/* File systems list attributes in the order in which they were set. Without room for the list, its size is the answer. */
ssize_t llistxattr(const char *path, char *list, size_t size)
{
	static char found[LONGEST_LIST], renamed[2 * LONGEST_LIST];
	static const char *names[LONGEST_LIST / 2];
	ssize_t length = syscall(SYS_llistxattr, path, found, sizeof(found));
	size_t count = 0, used = 0;
	char *next = renamed;

	for (char *name = found; name < found + length; name += strlen(name) + 1) {
		if (strncmp(name, ours, sizeof(ours) - 1) == 0) {
			names[count++] = next;
			next += sprintf(next, "%s%s", roots, name + sizeof(ours) - 1) + 1;
		} else if (!belongs_to_host(name)) {
			names[count++] = name;
		}
	}
	if (length < 0)
		return length;
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t index = 0; index < count; index++) {
		size_t bytes = strlen(names[index]) + 1;

		if (size != 0 && used + bytes > size) {
			errno = ERANGE;
			return -1;
		}
		if (size != 0)
			memcpy(list + used, names[index], bytes);
		used += bytes;
	}
	return (ssize_t)used;
}

static int is_child(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int compare_entries(const struct dirent **one, const struct dirent **other)
{
	return strcmp((*one)->d_name, (*other)->d_name);
}

static int unreadable(const char *path)
{
	fprintf(stderr, "steady: %s: %s\n", path, strerror(errno));
	return -1;
}

/* Visit `path`, whose last name begins at `base`, and everything below it; `path` has room for PATH_MAX bytes. */
static int walk(char *path, int base, int level, __nftw_func_t visit)
{
	struct FTW place = {.base = base, .level = level};
	struct dirent **children;
	struct stat facts;
	size_t length = strlen(path);
	int count, status;

	if (lstat(path, &facts) != 0)
		return unreadable(path);
	if (!S_ISDIR(facts.st_mode))
		return visit(path, &facts, S_ISLNK(facts.st_mode) ? FTW_SL : FTW_F, &place);
	status = visit(path, &facts, FTW_D, &place);
	if (status != 0)
		return status;
	count = scandir(path, &children, is_child, compare_entries);
	if (count < 0)
		return unreadable(path);
	for (int index = 0; index < count; index++) {
		const char *name = children[index]->d_name;

		if (status == 0 && length + strlen(name) + 2 > PATH_MAX) {
			errno = ENAMETOOLONG;
			status = unreadable(path);
		} else if (status == 0) {
			path[length] = '/';
			strcpy(path + length + 1, name);
			status = walk(path, (int)length + 1, level + 1, visit);
			path[length] = '\0';
		}
		free(children[index]);
	}
	free(children);
	return status;
}

/* As glibc's with FTW_PHYS, the only way in which mkfs.btrfs calls it, but by name and with settled times. */
int nftw(const char *top, __nftw_func_t visit, int descriptors, int flags)
{
	char path[PATH_MAX];
	const char *slash = strrchr(top, '/');

	(void)descriptors;
	if (flags != FTW_PHYS || strlen(top) >= sizeof(path)) {
		errno = EINVAL;
		return unreadable(top);
	}
	strcpy(path, top);
	return walk(path, slash == NULL ? 0 : (int)(slash - top) + 1, 0, visit);
}
