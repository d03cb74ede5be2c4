"""What can be done with the selection on the canvas, each as one undo step: edits without a drag."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication

from explorer.canvas import arranging, clipboard, commands, copies, snap
from explorer.canvas.array_dialog import ArrayDialog
from explorer.canvas.figures import suggested_width_bits
from explorer.canvas.geometry import Point, centre, contains, overlap, union
from explorer.canvas.renaming import NameEditor
from explorer.canvas.tools import shifted
from explorer.canvas.view import ZoomView
from hwlib.design import edit
from hwlib.design.design import Design
from hwlib.report import Rect

if TYPE_CHECKING:
    from explorer.document import Document

LINK_CLOCK_HZ = 1e9
ASIDE_STEPS = 4
"""How far from its original a copy lies, in steps of the grid."""


class EditingView(ZoomView):
    """A view of the die whose selection can be edited. The canvas adds mouse and keys."""

    document: Document
    _array_dialog: ArrayDialog | None = None
    _first: str = ""
    """The block that `select_second` keeps."""
    _links_of: frozenset[str] = frozenset()
    """The blocks whose links `select_link` goes through."""
    _last_paste: tuple[Point, int] | None = None
    """Where the last paste went, and how many have gone there."""

    def say(self, text: str) -> None:
        """Tell the user something in passing."""
        raise NotImplementedError

    def pointer(self) -> QPoint | None:
        """The pixel of the viewport under the pointer, None while it is elsewhere."""
        at = self.viewport().mapFromGlobal(self.cursor().pos())
        return at if self.viewport().rect().contains(at) and self.viewport().underMouse() else None

    # Which blocks

    def _chosen_blocks(self) -> list[str]:
        return [i for i in self.chip.blocks if i in self.document.selection]

    def _rects(self, ids: Collection[str]) -> dict[str, Rect]:
        return {i: self.chip.blocks[i].rect for i in ids}

    def _unlocked(self, ids: Collection[str]) -> list[str]:
        """Those that are not locked; says so where that leaves some out."""
        held = [i for i in ids if self.chip.blocks[i].block.locked]
        if held:
            what = self.chip.blocks[held[0]].block.name if len(held) == 1 else f"{len(held)} blocks"
            self.say(f"{what} {'is' if len(held) == 1 else 'are'} locked; press L to unlock.")
        return [i for i in ids if i not in held]

    # Selecting

    def select_all(self) -> None:
        """Select every block and link."""
        self.document.select({*self.chip.blocks, *self.chip.links})

    def select_next(self, step: int = 1) -> None:
        """Select the next block in the design's order, or the one before it."""
        ids = list(self.chip.blocks)
        if ids:
            chosen = self._chosen_blocks()
            at = ids.index(chosen[-1]) + step if chosen else 0 if step > 0 else -1
            self.document.select({ids[at % len(ids)]})

    def select_second(self, step: int = 1) -> None:
        """Keep the first selected block and select the next one beside it: pressed again, the one after that."""
        ids, chosen = list(self.chip.blocks), self._chosen_blocks()
        if not chosen or len(ids) < 2:
            self.select_next(step)
            return
        first = self._first if self._first in chosen else chosen[0]
        at = ids.index(next((i for i in chosen if i != first), first)) + step
        at += step if ids[at % len(ids)] == first else 0
        self._first = first
        self.document.select({first, ids[at % len(ids)]})

    def select_link(self) -> None:
        """Select the next link: of those that end at the selected blocks, else of all."""
        chosen, links = frozenset(self._chosen_blocks()), self.chip.links
        if chosen:
            self._links_of = chosen
        near = [i for i, k in links.items() if {k.link.source, k.link.target} & self._links_of]
        ids = near or list(links)
        now = next((i for i in ids if i in self.document.selection), None)
        if ids:
            self.document.select({ids[(ids.index(now) + 1) % len(ids) if now is not None else 0]})

    # Adding and removing

    def delete_selected(self, verb: str = "Delete") -> None:
        """Remove the selected blocks and links, and links that would dangle; locked blocks stay."""
        design = self.document.design
        free = self._unlocked(self._chosen_blocks())
        chosen = {*free, *(self.document.selection - self.chip.blocks.keys())}
        if chosen:
            self.document.edit(f"{verb} {commands.naming(design, chosen)}", edit.remove(design, chosen))

    def connect_blocks(self, source: str, target: str) -> None:
        """Link two blocks and select the link; say why where that can't be."""
        design = self.document.design
        try:
            width = suggested_width_bits(design.block(source).part, design.block(target).part, LINK_CLOCK_HZ)
            after = edit.connect(design, source, target, width_bits=width, clock_Hz=LINK_CLOCK_HZ)
        except edit.EditError as error:
            self.say(f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return
        self.document.edit(f"Connect {design.block(source).name} and {design.block(target).name}", after)
        self.document.select({after.links[-1].id})

    def duplicate_selection(self) -> None:
        """Copy the selected blocks and the links among them, beside them where there is room."""
        ids = self._chosen_blocks()
        if ids:
            rects = self._rects(ids)
            shift = self._aside(union(rects.values()), 1)
            after, new = copies.duplicated(self.document.design, ids, rects, shift)
            self.document.edit(f"Duplicate {commands.naming(self.document.design, ids)}", after)
            self.document.select(new)

    def ask_for_array(self) -> None:
        """Ask for rows, columns and the gap of an array of the selected blocks, and make it."""
        ids = self._chosen_blocks()
        if not ids:
            return
        design = self.document.design
        ends = {end for link in copies.outer_links(design, ids) for end in (link.source, link.target)} - set(ids)
        neighbours = [b.name for b in design.blocks if b.id in ends]
        dialog = ArrayDialog(union(self._rects(ids).values()), self.chip.die(), neighbours, self)
        dialog.accepted.connect(self._make_asked_array)
        self._array_dialog = dialog
        dialog.open()

    def _make_asked_array(self) -> None:
        dialog, self._array_dialog = self._array_dialog, None
        if dialog is not None:
            self.make_array(dialog.rows, dialog.columns, dialog.gap_m, dialog.linked)

    def make_array(self, rows: int, columns: int, gap_m: float, linked: bool) -> None:
        """Repeat the selected blocks in rows and columns, as one step; see `copies.arrayed`."""
        ids = self._chosen_blocks()
        if ids and rows * columns > 1:
            design = self.document.design
            after, all_ids = copies.arrayed(design, self._rects(ids), rows, columns, gap_m, linked)
            self.document.edit(f"Array {rows} × {columns} of {commands.naming(design, ids)}", after)
            self.document.select(all_ids)

    # Clipboard

    def copy_selection(self) -> None:
        """Put the selected blocks and the links among them onto the clipboard."""
        ids = self._chosen_blocks()
        if ids:
            part = clipboard.fragment(self.document.design, ids, self._rects(ids))
            QGuiApplication.clipboard().setMimeData(clipboard.to_mime(part))
            self._last_paste = None

    def cut_selection(self) -> None:
        """Copy, then delete."""
        if self._chosen_blocks():
            self.copy_selection()
            self.delete_selected("Cut")

    def paste(self) -> None:
        """Add the blocks on the clipboard at the pointer, or beside where they came from; again: further aside."""
        part = clipboard.from_mime(QGuiApplication.clipboard().mimeData())
        if part is None:
            self.say("There are no blocks on the clipboard.")
            return
        rects = self.chip.footprints(part)
        blocks = [b for b in part.blocks if b.id in rects]
        dx, dy = self._paste_shift(union(rects[b.id] for b in blocks))
        places = [copies.corners_of(rects, dx, dy)]
        known = {b.id for b in blocks}
        links = [k for k in part.links if k.source in known and k.target in known]
        after, new = copies.with_copies(self.document.design, blocks, links, places)
        self.document.edit(f"Paste {commands.naming(part, known)}", after)
        self.document.select(new)
        self.keep_in_sight()

    def _paste_shift(self, frame: Rect) -> Point:
        """How far to shift what is pasted: its middle to the pointer, each further time a step aside.

        A pointer that still rests on what was copied asks for no place: the copy would hide it.
        """
        pos, middle = self.pointer(), centre(frame)
        goal = self.floor(pos) if pos is not None else None
        if goal is None or contains(frame, Rect(*goal, 0.0, 0.0)):
            return self._aside(frame, 0)
        last, times = self._last_paste or (None, 0)
        times = times + 1 if last == goal else 0
        self._last_paste = goal, times
        aside = times * ASIDE_STEPS * self.grid_m
        step = self.grid_m
        return (
            snap.to_grid(frame.x_m + goal[0] - middle[0] + aside, step) - frame.x_m,
            snap.to_grid(frame.y_m + goal[1] - middle[1] + aside, step) - frame.y_m,
        )

    def _aside(self, frame: Rect, least: int) -> Point:
        """How far from its original a copy lies: on free ground beside it, else a few steps over what lies there."""
        taken = [item.rect for item in self.chip.blocks.values()]
        if not least and not any(overlap(frame, rect) for rect in taken):
            return 0.0, 0.0
        shift = ASIDE_STEPS * self.grid_m
        while any(abs(r.x_m - frame.x_m - shift) < self.grid_m / 2 for r in taken):
            shift += ASIDE_STEPS * self.grid_m
        return copies.beside(frame, self.chip.die(), taken, self.grid_m) or (shift, shift)

    def turn_selection(self) -> None:
        """Turn the selected blocks by 90 degrees."""
        ids = self._unlocked(self._chosen_blocks())
        if ids:
            after = commands.turned(self.document.design, ids, self._rects(ids))
            self.document.edit(f"Turn {commands.naming(self.document.design, ids)}", after)

    def reshape_selection(self, wider_steps: int) -> None:
        """Make the selected blocks wider and lower by steps of the grid, or narrower and higher."""
        ids = self._unlocked(self._chosen_blocks())
        if ids:
            step = self.grid_m
            after = commands.reshaped(self.document.design, ids, self._rects(ids), wider_steps * step, step)
            self.document.edit(f"Reshape {commands.naming(self.document.design, ids)}", after)

    def nudge(self, dx_steps: int, dy_steps: int, gesture: int) -> None:
        """Shift the selected blocks by steps of the grid; calls with the same gesture are one undo step."""
        ids = self._unlocked(self._chosen_blocks())
        if ids:
            blocks = {i: self.chip.blocks[i].block for i in ids}
            after = shifted(
                self.document.design, blocks, self._rects(ids), dx_steps * self.grid_m, dy_steps * self.grid_m
            )
            self.document.edit(f"Move {commands.naming(self.document.design, ids)}", after, ("nudge", gesture))

    def align(self, way: arranging.Way) -> None:
        """Align the selected blocks to those among them that are locked, or to their frame; one alone to the die."""
        chosen = self._chosen_blocks()
        held = [i for i in chosen if self.chip.blocks[i].block.locked]
        ids = [i for i in chosen if i not in held]
        if not ids:
            self._unlocked(chosen)
            return
        frame = self.chip.die() if len(chosen) == 1 else union(self._rects(held or ids).values())
        self._arrange(arranging.WORDS[way], ids, arranging.aligned(self.document.design, self._rects(ids), frame, way))

    def distribute(self, axis: arranging.Axis) -> None:
        """Make the gaps between the selected blocks equal; the outermost stay."""
        ids = self._unlocked(self._chosen_blocks())
        if len(ids) < 3:
            self.say("Select three blocks or more to spread them evenly.")
            return
        self._arrange("Distribute", ids, arranging.distributed(self.document.design, self._rects(ids), axis))

    def _arrange(self, verb: str, ids: list[str], after: Design) -> None:
        self.document.edit(f"{verb} {commands.naming(self.document.design, ids)}", after)
        self.keep_in_sight()

    # Locking and naming

    def toggle_lock(self) -> None:
        """Lock the selected blocks in their places, or free them where all are locked."""
        ids = self._chosen_blocks()
        if ids:
            lock = not all(self.chip.blocks[i].block.locked for i in ids)
            what = commands.naming(self.document.design, ids)
            after = commands.locked(self.document.design, ids, lock)
            self.document.edit(f"{'Lock' if lock else 'Unlock'} {what}", after)

    def rename_selected(self) -> None:
        """Let the user write another name for the one selected block, in its place."""
        ids = self._chosen_blocks()
        if len(ids) == 1:
            self.rename_in_place(ids[0])

    def rename_in_place(self, block_id: str) -> None:
        """Open a line editor over a block's name."""
        item = self.chip.blocks[block_id]
        corner = self.pixel((item.rect.x_m, item.rect.y_m))
        width = round(item.rect.width_m / self.m_per_px)
        NameEditor(self, block_id, item.block.name).open_at(corner, width)

    def rename(self, block_id: str, name: str) -> None:
        """Call a block otherwise; say why where that can't be."""
        design = self.document.design
        if block_id not in {b.id for b in design.blocks}:
            return
        try:
            self.document.edit(f"Rename {design.block(block_id).name}", commands.renamed(design, block_id, name))
        except edit.EditError:
            self.say("A name has 1 to 200 characters.")
