//! What one read of memory takes that no one foresees: without it nobody can tell how near a lookup among many users
//! is to the least that it can take.

/// The size of what a processor loads at a time.
const LINE: usize = 64;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    next: usize,
}

/// Memory in which each line says where the next one is, all of them in a circle without an order.
pub struct Circle {
    lines: Vec<Line>,
    at: usize,
}

impl Circle {
    pub fn of_mebibytes(size: usize) -> Self {
        let count = size * 1024 * 1024 / LINE;
        let mut lines = vec![Line { next: 0 }; count];
        // Each line leads to the one after it, by this numbering of the lines, which takes neighbours far apart.
        let place = |number: usize| number * 15_485_863 % count;
        for number in 0..count {
            lines[place(number)].next = place((number + 1) % count);
        }
        Circle { lines, at: 0 }
    }

    /// Reads the line that the one before named.
    pub fn read(&mut self) -> usize {
        self.at = self.lines[self.at].next;
        self.at
    }
}
