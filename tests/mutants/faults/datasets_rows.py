"""
Mutants of what an open dataset does with rows.
"""

from __future__ import annotations

from typing import Any

from deeplake_ref import columns, errors, parquet
from deeplake_ref.dataset import Dataset
from deeplake_ref.errors import StorageKeyNotFound
from tests.mutants.registry import Replacements, mutant, replaced


@mutant(kills="DATA-13")
def appends_of_one_commit_are_turned_round(_target: Any) -> Replacements:
    """Writes the batches of one commit in the reverse order."""
    right = Dataset._flush

    def flush(self: Any) -> None:
        self._buffered.reverse()
        right(self)

    return replaced(Dataset, _flush=flush)


@mutant(kills="DATA-14")
def append_commits_at_once(target: Any) -> Replacements:
    """Commits with each append."""
    right = Dataset.append

    def append(self: Any, batch: Any) -> None:
        right(self, batch)
        self.commit()

    return replaced(Dataset, append=append)


@mutant(kills="DATA-16")
def values_are_converted_if_they_can_be(_target: Any) -> Replacements:
    """Converts values that a column cannot hold, where Arrow knows how."""

    def fits(found: Any, wanted: Any) -> bool:
        return True

    return replaced(columns, _fits=fits)


@mutant(kills="DATA-16")
def columns_that_nobody_knows_are_dropped(_target: Any) -> Replacements:
    """Ignores columns that the schema does not have."""
    right = columns.table

    def table(schema: Any, batch: Any) -> Any:
        return right(schema, {name: values for name, values in batch.items() if name in schema})

    return replaced(columns, table=table)


@mutant(kills="DATA-17")
def a_bad_batch_is_just_bad(_target: Any) -> Replacements:
    """Says that a batch is bad, and not what is bad about it."""
    right = columns.table

    def table(schema: Any, batch: Any) -> Any:
        try:
            return right(schema, batch)
        except ValueError:
            raise ValueError("bad batch") from None

    return replaced(columns, table=table)


@mutant(kills="DATA-18")
def slices_begin_where_a_file_begins(_target: Any) -> Replacements:
    """Begins a slice at the first row of the file that its first row is in."""
    right = parquet.DataReader.columns

    def read(self: Any, file: Any, names: list[str], start: int, stop: int) -> Any:
        return right(self, file, names, 0, stop - start)

    return replaced(parquet.DataReader, columns=read)


@mutant(kills="DATA-19")
def history_begins_with_the_newest(target: Any) -> Replacements:
    """Tells the history newest first."""
    right = Dataset.history

    def history(self: Any) -> Any:
        return right.__get__(self)[::-1]

    return replaced(Dataset, history=property(history))


@mutant(kills="DATA-25")
def data_that_are_missing_are_no_rows(_target: Any) -> Replacements:
    """Takes a data object that is missing for one without rows."""
    right_whole, right_columns = parquet.DataReader.whole, parquet.DataReader.columns

    def whole(self: Any, file: Any) -> Any:
        try:
            return right_whole(self, file)
        except StorageKeyNotFound:
            return columns.arrow_schema(self._schema).empty_table()

    def read(self: Any, *arguments: Any) -> Any:
        try:
            yield from right_columns(self, *arguments)
        except StorageKeyNotFound:
            return

    return replaced(parquet.DataReader, whole=whole, columns=read)


@mutant(kills="DATA-32", places=("moto",))
def a_column_is_cut_out_of_the_whole(_target: Any) -> Replacements:
    """Reads whole files, and cuts the column out of them."""

    def read(self: Any, file: Any, names: list[str], start: int, stop: int) -> Any:
        yield self.whole(file).select(names).slice(start, stop - start)

    return replaced(parquet.DataReader, columns=read)


@mutant(kills="DATA-33", places=("moto",))
def each_append_is_noted(_target: Any) -> Replacements:
    """Writes each append at once, and a note about it."""
    right = Dataset.append

    def append(self: Any, batch: Any) -> None:
        right(self, batch)
        self._flush()
        self._writer.set(f"_notes/{len(self._written)}", b"appended")

    return replaced(Dataset, append=append)


@mutant(kills="DATA-25")
def pages_are_believed(_target: Any) -> Replacements:
    """Does not look at the checksums of what it reads."""
    arrow = columns.arrow()
    right_file, right_table = arrow.parquet.ParquetFile, arrow.parquet.read_table

    def parquet_file(*arguments: Any, **keywords: Any) -> Any:
        return right_file(*arguments, **keywords | {"page_checksum_verification": False})

    def read_table(*arguments: Any, **keywords: Any) -> Any:
        return right_table(*arguments, **keywords | {"page_checksum_verification": False})

    return replaced(arrow.parquet, ParquetFile=parquet_file, read_table=read_table)


@mutant(kills="DATA-25")
def one_object_passes_for_another(_target: Any) -> Replacements:
    """Does not look whether a data object is the one that was written under its name."""

    def check_footer(self: Any, file: Any, tail: Any) -> None:
        return

    return replaced(parquet.DataReader, _check_footer=check_footer)


@mutant(kills="ERR-13")
def datasets_do_not_say_where(_target: Any) -> Replacements:
    """Leaves errors of datasets without the function that was called."""

    def complete(self: Any, operation: str, provider: str | None, effect: str) -> None:
        if operation not in ("create", "open", "open_read_only", "delete", "copy"):
            right(self, operation, provider, effect)

    right = errors.StorageError.complete
    return replaced(errors.StorageError, complete=complete)
