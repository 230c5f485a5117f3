/*
 * Has the kernel copy the files that mke2fs takes into its file system; preloaded into it.
 *
 * By itself mke2fs looks for, takes, and fills one block of 4 KiB after the other. With this, a file gets all its blocks
 * at once, and the kernel copies its bytes; a file system that can share blocks between files does not even copy.
 *
 * Blocks of zeros are taken, too: where a file has holes is decided by the file system that it lies on, and must not
 * decide what the image looks like. And they are written: a card that had another life has no zeros where an image has
 * holes.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ZEROS (1 << 16)

/* The file that has its blocks, but not its bytes; none if `fs` is NULL. */
static struct {
	ext2_filsys fs;
	ext2_ino_t number;
	off_t size;
} waiting;

/* mke2fs opens each file that it makes, and has set its size by then. */
errcode_t ext2fs_file_open(ext2_filsys fs, ext2_ino_t number, int flags, ext2_file_t *result)
{
	struct ext2_inode inode;
	errcode_t error = ext2fs_read_inode(fs, number, &inode);
	off_t size = error == 0 ? (off_t)EXT2_I_SIZE(&inode) : 0;

	waiting.fs = NULL;
	if (error == 0 && (flags & EXT2_FILE_WRITE) && size > 0) {
		blk64_t blocks = (blk64_t)((size + fs->blocksize - 1) / fs->blocksize);

		error = ext2fs_fallocate(fs, EXT2_FALLOCATE_FORCE_INIT, number, &inode, ~0ULL, 0, blocks);
		if (error == 0)
			error = ext2fs_write_inode(fs, number, &inode);
		waiting.fs = fs;
		waiting.number = number;
		waiting.size = size;
	}
	return error == 0 ? ext2fs_file_open2(fs, number, NULL, flags, result) : error;
}

static void fail(const char *what)
{
	fprintf(stderr, "bulk: %s: %s\n", what, strerror(errno));
	_exit(1);
}

/* Everything lies in one file, which is opened once more: the one of libext2fs is its own affair. */
static int image(void)
{
	static int descriptor = -1;

	if (descriptor < 0 && (descriptor = open(waiting.fs->device_name, O_WRONLY | O_CLOEXEC)) < 0)
		fail(waiting.fs->device_name);
	return descriptor;
}

static off_t seek(int descriptor, off_t place, int whence)
{
	return syscall(SYS_lseek, descriptor, place, whence);
}

static off_t least(off_t one, off_t other)
{
	return one < other ? one : other;
}

static void write_zeros(off_t place, off_t length)
{
	static const char zeros[ZEROS];

	while (length > 0) {
		ssize_t wrote = pwrite(image(), zeros, (size_t)least(length, ZEROS), place);

		if (wrote < 0 && errno != EINTR)
			fail("cannot write");
		if (wrote > 0) {
			place += wrote;
			length -= wrote;
		}
	}
}

/* As sendfile, which copies in every case, if the kernel cannot do better. */
static ssize_t copy_some(int source, off_t from, off_t to, off_t length)
{
	off_t reached = from;
	ssize_t copied = copy_file_range(source, &reached, image(), &to, (size_t)length, 0);

	if (copied >= 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
		return copied;
	if (seek(image(), to, SEEK_SET) < 0)
		return -1;
	return sendfile(image(), source, &from, (size_t)length);
}

static void copy_data(int source, off_t from, off_t to, off_t length)
{
	while (length > 0) {
		ssize_t copied = copy_some(source, from, to, length);

		if (copied == 0) {
			errno = EIO;
			fail("a file became shorter");
		}
		if (copied < 0 && errno != EINTR)
			fail("cannot copy a file");
		if (copied > 0) {
			from += copied;
			to += copied;
			length -= copied;
		}
	}
}

/* The next place with data, or without; `end` if there is none before it. */
static off_t next(int source, off_t place, int whence, off_t end)
{
	off_t found = seek(source, place, whence);

	if (found < 0 && errno != ENXIO)
		fail("cannot look for the holes of a file");
	return found < 0 ? end : least(found, end);
}

static void copy(int source, off_t from, off_t to, off_t length)
{
	off_t end = from + length;

	while (from < end) {
		off_t data = next(source, from, SEEK_DATA, end);
		off_t hole = data < end ? next(source, data, SEEK_HOLE, end) : end;

		write_zeros(to, data - from);
		copy_data(source, data, to + (data - from), hole - data);
		to += hole - from;
		from = hole;
	}
}

static errcode_t copy_to_extents(int source)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent extent;
	off_t block = waiting.fs->blocksize;
	errcode_t error = ext2fs_extent_open(waiting.fs, waiting.number, &handle);

	if (error != 0)
		return error;
	error = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &extent);
	while (error == 0) {
		off_t from = (off_t)extent.e_lblk * block;

		if (extent.e_flags & EXT2_EXTENT_FLAGS_LEAF)
			copy(source, from, (off_t)extent.e_pblk * block, least(extent.e_len * block, waiting.size - from));
		error = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_LEAF, &extent);
	}
	ext2fs_extent_free(handle);
	return error == EXT2_ET_EXTENT_NO_NEXT ? 0 : error;
}

/* mke2fs asks where the data of a file is, to copy it; there is none left to copy. */
off_t lseek(int descriptor, off_t place, int whence)
{
	if (whence != SEEK_DATA || waiting.fs == NULL)
		return seek(descriptor, place, whence);
	if (copy_to_extents(descriptor) != 0) {
		errno = EIO;
		fail("cannot read which blocks a file has");
	}
	waiting.fs = NULL;
	errno = ENXIO;
	return -1;
}
